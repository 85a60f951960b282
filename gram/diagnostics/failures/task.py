"""What is asked of whom: the arguments that all of the diagnosis of single failures shares, checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.task import task_of
from gram.errors import EmbeddingSetError


@dataclass(frozen=True, eq=False)
class CaseTask:
    """A retrieval task on a set: the gallery is the items that have the query and enough candidates, as in `evaluate`.

    Attributes:
        embedding_set: the whole set.
        query: the modality that asks.
        candidates: the modalities of a candidate.
        measure: what ranks.
        rows: (n,) the gallery's rows in the set; a place is a position in it.
        device: where to compute.
        anchors: (n, d) the gallery's queries.
        others: the gallery's candidate modalities, (n, d) each; NaN rows where an item lacks one.
    """

    embedding_set: EmbeddingSet
    query: str
    candidates: tuple[str, ...]
    measure: str
    rows: Int[Tensor, " n"]
    device: torch.device
    anchors: Float[Tensor, "n d"]
    others: tuple[Float[Tensor, "n d"], ...]

    def __len__(self) -> int:
        """Return the size of the gallery."""
        return len(self.rows)

    @property
    def left_out(self) -> int:
        """How many items of the set lack the query or too many candidates."""
        return len(self.embedding_set) - len(self.rows)

    @property
    def ids(self) -> list[str]:
        """The gallery's ids, as text."""
        return self.embedding_set.items["id"].astype(str).iloc[self.rows.numpy()].tolist()

    def place(self, item: object) -> int:
        """Return the place in the gallery of the item with this id.

        Raises:
            EmbeddingSetError: no item has it; the item lacks the query or too many candidates.
        """
        found = (self.rows == self.embedding_set.row(item)).nonzero()
        if not len(found):
            raise EmbeddingSetError(
                f"item '{item}' is not ranked: it lacks {self.query} or {' and '.join(self.candidates)}; choose another"
            )
        return int(found[0])

    @property
    def labels(self) -> list[str]:
        """What the gallery's items are called: their label, else their id."""
        column = "label" if "label" in self.embedding_set.items else "id"
        return self.embedding_set.items[column].astype(str).iloc[self.rows.numpy()].tolist()


def case_task_of(
    embedding_set: EmbeddingSet,
    query: str | None,
    candidates: Sequence[str] | None,
    measure: str,
    device: str | torch.device,
) -> CaseTask:
    """Return the task; its vectors are used as given.

    Raises:
        ValueError: unknown modality, measure or device; a query that is also a candidate; a number of candidates that
            the measure is not defined for.
        EmbeddingSetError: fewer than two items have the query and enough candidates.
    """
    asked = task_of(embedding_set, query, candidates, measure)
    if len(asked.rows) < 2:
        raise EmbeddingSetError(f"only one item has {asked.needed}; a failure takes two")
    kept = slice(None) if len(asked.rows) == len(embedding_set) else asked.rows
    anchors, *others = (embedding_set.modalities[name][kept] for name in asked.names)
    return CaseTask(*asked, select_device(device), anchors, tuple(others))
