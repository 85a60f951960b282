"""Embedding sets: the vectors of n items in k modalities, with a table of the items, in memory and on disk.

On disk a set is a folder: `embeddings.safetensors` (one tensor a modality, n x d, float32 or float16),
`items.parquet`, `info.json` (with `"version": 1` and the order of the modalities) and, if there are any,
media files under `media/`. Nothing in it is ever unpickled.

Feature sets are what encoders that were trained apart give: each modality has a number of dimensions of its own.
Volume, height and cosine need vectors of one space, so a feature set is aligned first (`python -m gram align`),
unless all sizes are equal and the space is shared already. Its folder's `info.json` says `"kind": "features"`.
"""

from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from gram.data.segments import CACHED_ELEMENTS, blocks
from gram.data.vector_set import VectorSet
from gram.errors import EmbeddingSetError

_UNIT = 1e-6  # float32 rows scaled to length one are so to within 6e-8 a coordinate; float16 rows, to about 2e-5


class EmbeddingSet(VectorSet):
    """n items, each seen in k modalities by a vector of d numbers.

    An item that lacks a modality has a row of NaN there.

    Attributes:
        modalities: name -> (n, d) tensor on the CPU, in the order given. float32 and float16 stay as they are
            (compute in float32 or more); float64 and bfloat16 become float32, which is what a set stores.
        items: one row an item, in the order of the tensors' rows; column "id" is unique.
        info: name, description, anchor, model, source, licence, and whatever else JSON can hold.
            `info["media"]` may list the columns of `items` that hold paths of media files, relative to the
            folder.
        path: the folder that the set was loaded from or last saved to, or None.

    Example:
        >>> import numpy as np, pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> s = EmbeddingSet(
        ...     modalities={"text": rng.normal(size=(3, 8)), "image": rng.normal(size=(3, 8))},
        ...     items=pd.DataFrame({"id": ["a", "b", "c"]}),
        ... )
        >>> len(s), s.d, s.anchor
        (3, 8, 'text')
    """

    def __repr__(self) -> str:
        """Return name, sizes and modalities in one line."""
        name = self.info.get("name", "unnamed")
        return f"EmbeddingSet({name!r}, n={len(self)}, k={len(self.names)}, d={self.d}: {', '.join(self.names)})"

    @property
    def d(self) -> int:
        """Number of dimensions of the shared space."""
        return next(iter(self.modalities.values())).shape[1]

    def normalized(self) -> Self:
        """Return the set with rows of length one, in float32; NaN rows stay NaN. See `unit_rows`."""
        units = {name: unit_rows(tensor) for name, tensor in self.modalities.items()}
        return self._replace(units, self.items, self._all_missing())


class FeatureSet(VectorSet):
    """n items, each seen in k modalities by a vector; every modality has its own d.

    Attributes are those of `EmbeddingSet`, but `modalities` have unlike d. `load` opens an embedding set's folder, too.

    Example:
        >>> import numpy as np, pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> features = FeatureSet(
        ...     modalities={"text": rng.normal(size=(3, 8)), "image": rng.normal(size=(3, 5))},
        ...     items=pd.DataFrame({"id": ["a", "b", "c"]}),
        ... )
        >>> features.sizes, features.aligned
        ({'text': 8, 'image': 5}, False)
    """

    _one_space = False

    def __repr__(self) -> str:
        """Return name, number of items, and the modalities with their sizes, in one line."""
        sizes = ", ".join(f"{name} ({d})" for name, d in self.sizes.items())
        return f"FeatureSet({self.info.get('name', 'unnamed')!r}, n={len(self)}, k={len(self.names)}: {sizes})"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of dimensions of each modality."""
        return {name: tensor.shape[1] for name, tensor in self.modalities.items()}

    @property
    def aligned(self) -> bool:
        """Whether all modalities have the same number of dimensions, as vectors of one space do."""
        return len(set(self.sizes.values())) == 1

    def embedding_set(self) -> EmbeddingSet:
        """Return the same items and vectors as an embedding set; nothing is copied.

        Raises:
            EmbeddingSetError: modalities of unlike size, which cannot share a space.
        """
        if not self.aligned:
            sizes = ", ".join(f"{name} {d}" for name, d in self.sizes.items())
            raise EmbeddingSetError(
                f"the modalities differ in size ({sizes}), so they share no space; align them first: "
                "python -m gram align"
            )
        return self._convert(EmbeddingSet, self.modalities, self.items, self._all_missing())


def unit_rows(rows: Float[Tensor, "m d"]) -> Float[Tensor, "m d"]:
    """Return rows scaled to length one, in float32; lengths are taken in float64. NaN rows stay NaN.

    float32 rows of length one to within 1e-6 stay bit by bit as they are, so scaling is idempotent.
    """
    unit = torch.empty(rows.shape, dtype=torch.float32)
    for block in blocks(*rows.shape, elements=CACHED_ELEMENTS):
        wide = rows[block].float().double()  # float16 is widened faster in two steps
        lengths = torch.linalg.vector_norm(wide, dim=1, keepdim=True)
        if rows.dtype == torch.float32:
            lengths[(lengths - 1).abs() < _UNIT] = 1.0
        unit[block] = rows[block] if bool((lengths == 1).all()) else wide / lengths
    return unit
