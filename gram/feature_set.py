"""Feature sets: as embedding sets, but each modality may have its own d."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gram._set_checks import Sources
from gram._set_files import read_set, write_set
from gram.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError


class FeatureSet:
    """n items, each seen in k modalities by vectors of sizes that may differ; saved as an embedding set is.

    Attributes:
        modalities: name -> (n, d_name) tensor; a row of NaN where an item lacks the modality.
        items: one row an item; column "id" is unique.
        info: as an embedding set's, with `"kind": "features"`.
        path: the folder it was loaded from or last saved to, or None.
    """

    def __init__(
        self,
        modalities: Mapping[str, ArrayLike | Tensor],
        items: pd.DataFrame,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Check and hold the parts.

        Raises:
            EmbeddingSetError: whatever an embedding set refuses, but for unlike d.
        """
        given = dict(info or {})
        parts = {
            name: EmbeddingSet({name: rows}, items, {**given, "anchor": name}) for name, rows in modalities.items()
        }
        if not parts:
            raise EmbeddingSetError(f"{Sources().embeddings}: no modality; give at least one array of shape (n, d)")
        if given.get("anchor", next(iter(parts))) not in parts:
            raise EmbeddingSetError(f"info: the anchor {given['anchor']!r} is not a modality; use one of {list(parts)}")
        self._parts = parts
        self.modalities = {name: part.modalities[name] for name, part in parts.items()}
        self.items = next(iter(parts.values())).items
        self.info = {**given, "kind": "features"}
        self.path: Path | None = None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the feature set in a folder.

        Raises:
            EmbeddingSetError: a file is absent or damaged, or the constructor refuses what is in it.
        """
        loaded = cls(*read_set(Path(path)))
        loaded.path = Path(path)
        return loaded

    def save(self, path: str | Path) -> None:
        """Write the set to a folder, whole or not at all.

        Raises:
            EmbeddingSetError: the folder holds files but no set, or the disk refuses.
        """
        write_set(Path(path), self.modalities, self.items, self.info)
        self.path = Path(path)

    def __len__(self) -> int:
        """Return n, the number of items."""
        return len(self.items)

    @property
    def names(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.modalities)

    @property
    def anchor(self) -> str:
        """Name of the anchor modality: `info["anchor"]`, else the first."""
        return str(self.info.get("anchor", self.names[0]))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of dimensions of each modality."""
        return {name: rows.shape[1] for name, rows in self.modalities.items()}

    @property
    def aligned(self) -> bool:
        """Whether all modalities have the same d."""
        return len(set(self.sizes.values())) == 1

    def present(self, name: str) -> torch.Tensor:
        """Return which items have the modality `name`."""
        return self._parts[name].present(name)

    def missing(self) -> dict[str, int]:
        """Return, by modality, how many items lack it."""
        return {name: part.missing()[name] for name, part in self._parts.items()}

    def subset(self, rows: ArrayLike | Tensor | slice) -> "FeatureSet":
        """Return the items at `rows`, in that order."""
        parts = {name: part.subset(rows) for name, part in self._parts.items()}
        items = next(iter(parts.values())).items
        return FeatureSet({name: part.modalities[name] for name, part in parts.items()}, items, self.info)

    def embedding_set(self) -> EmbeddingSet:
        """Return the same as an embedding set.

        Raises:
            EmbeddingSetError: the modalities have different d.
        """
        if not self.aligned:
            sizes = ", ".join(f"{name} {d}" for name, d in self.sizes.items())
            raise EmbeddingSetError(f"the modalities differ in d ({sizes}); align them first: python -m gram align")
        return EmbeddingSet(self.modalities, self.items, {k: v for k, v in self.info.items() if k != "kind"})
