"""Feature sets: as embedding sets, but each modality has a number of dimensions of its own.

They are what encoders that were trained apart give. Volume, height and cosine need vectors of one space, so a
feature set is aligned first (`python -m gram align`), unless all sizes are equal and the space is shared already.
On disk it is the folder of an embedding set whose `info.json` says `"kind": "features"`.
"""

from gram.data.embedding_set import EmbeddingSet
from gram.data.vector_set import ItemSet
from gram.errors import EmbeddingSetError


class FeatureSet(ItemSet):
    """n items, each seen in k modalities by a vector; every modality has its own d.

    An item that lacks a modality has a row of NaN there. `load` opens the folder of an embedding set too.

    Attributes:
        modalities: name -> (n, d of this modality) tensor on the CPU, float32 or float16.
        items: one row an item, in the order of the tensors' rows; column "id" is unique.
        info: name, description, anchor, source, licence, and whatever else JSON can hold.
        path: the folder that the set was loaded from or last saved to, or None.

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
        return self._as(EmbeddingSet, self.modalities, self.items, {name: self._lacking(name) for name in self.names})
