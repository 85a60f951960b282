"""A validated retrieval task: set, query modality, candidates, measure and the rows that are ranked."""

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError


class RetrievalTask:
    """A query modality, candidate modalities, a measure, and the items of a set that are ranked.

    Items that lack the query, or all of the candidates (any, where the measure needs all), are left out.

    Attributes:
        embedding_set: the whole set; vectors are used as given.
        query: the query's modality, the anchor of the measure.
        candidates: the modalities of a candidate.
        measure: name of the measure.
        rows: (n,) rows of the set that are ranked, ascending; a position is an index into it.
        device: where to compute.
    """

    def __init__(
        self,
        embedding_set: EmbeddingSet,
        query: str | None = None,
        candidates: Sequence[str] | None = None,
        measure: str = "volume",
        *,
        device: str | torch.device = "auto",
    ) -> None:
        """Check the arguments and find the rows.

        Args:
            embedding_set: items in k modalities.
            query: name of a modality; the set's anchor if None.
            candidates: names of one modality or more; all but the query if None.
            measure: one of `gram.measures.names()`.
            device: "cpu", "cuda", or "auto" for cuda where there is one.

        Raises:
            ValueError: unknown modality, measure or device; a query that is also a candidate; a candidate named twice
                or none; a number of them that the measure is not defined for.
            EmbeddingSetError: no item has the query and enough candidates.
        """
        self.embedding_set = embedding_set
        self.query = embedding_set.anchor if query is None else query
        if candidates is None:
            candidates = [name for name in embedding_set.names if name != self.query]
        chosen = measures.get(measure)
        self.measure = chosen.name
        self.candidates = check_candidates(embedding_set, candidates, query=self.query, measure=measure)
        rows = rows_with_candidates(embedding_set, self.candidates, at_least=chosen.min_candidates)
        self.rows: Int[Tensor, " n"] = rows[embedding_set.present(self.query)[rows]]
        self.device = select_device(device)
        if not len(self.rows):
            raise EmbeddingSetError(f"no item has {self.needed}; choose others")

    def __len__(self) -> int:
        """Return how many items are ranked."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return the task in one line."""
        task = f"{self.query} -> {' + '.join(self.candidates)} by {self.measure}"
        return f"RetrievalTask({task}, {len(self)} of {len(self.embedding_set)} items)"

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities that take part, the query's first."""
        return (self.query, *self.candidates)

    @property
    def needed(self) -> str:
        """What an item needs to be ranked, in words."""
        return f"{self.query} together with {_joined(self.candidates, measures.get(self.measure).min_candidates)}"

    @property
    def left_out(self) -> int:
        """How many items of the set are not ranked."""
        return len(self.embedding_set) - len(self)

    @cached_property
    def anchors(self) -> Float[Tensor, "n d"]:
        """Queries of the ranked items, in the set's dtype; the set's own tensor where all are ranked."""
        return self._ranked(self.query)

    @cached_property
    def others(self) -> tuple[Float[Tensor, "n d"], ...]:
        """Candidates of the ranked items, one tensor a modality; NaN rows where an item lacks one."""
        return tuple(map(self._ranked, self.candidates))

    @property
    def ids(self) -> list[str]:
        """Ids of the ranked items, as text."""
        return self._column("id")

    @property
    def labels(self) -> list[str]:
        """Labels of the ranked items, or their ids where the set has no labels."""
        return self._column("label" if "label" in self.embedding_set.items else "id")

    def position(self, item: object) -> int:
        """Return the position among the ranked items of the item with this id.

        Raises:
            EmbeddingSetError: no item has it; the item is not ranked.
        """
        found = (self.rows == self.embedding_set.row(item)).nonzero()
        if not len(found):
            raise EmbeddingSetError(
                f"item '{item}' is not ranked: it lacks {self.query} or {' and '.join(self.candidates)}; choose another"
            )
        return int(found[0])

    def _ranked(self, name: str) -> Float[Tensor, "n d"]:
        vectors = self.embedding_set.modalities[name]
        return vectors if len(self) == len(vectors) else vectors[self.rows]

    def _column(self, name: str) -> list[str]:
        return self.embedding_set.items[name].astype(str).iloc[self.rows.numpy()].tolist()


def check_candidates(
    embedding_set: EmbeddingSet, candidates: Sequence[str], *, query: str | None = None, measure: str | None = None
) -> tuple[str, ...]:
    """Return the candidates' names: modalities of the set, each once, other than the query.

    Raises:
        ValueError: none, one that is unknown, named twice, or the query's; a query that is unknown; a measure that is,
            or that is not defined for so many candidates.
    """
    names = (candidates,) if isinstance(candidates, str) else tuple(candidates)
    if not names:
        raise ValueError(f"candidates: expected one modality or more of {', '.join(embedding_set.names)}, got none")
    for name in names:
        if name not in embedding_set.names:
            raise ValueError(f"candidates: {name!r} is not in this set; it has {', '.join(embedding_set.names)}")
        if names.count(name) > 1:
            raise ValueError(f"candidates: {name!r} is named twice; a vector and its copy span no volume")
    if query is not None:
        embedding_set.present(query)
        if query in names:
            raise ValueError(f"query: {query!r} is also a candidate, so each item would find itself; leave it out")
    if measure is not None:
        measures.get(measure).check(len(names))
    return names


def rows_with_candidates(
    embedding_set: EmbeddingSet, candidates: Sequence[str], *, at_least: int = 1
) -> Int[Tensor, " m"]:
    """Return the rows of items that have `at_least` so many of the candidates.

    Raises:
        EmbeddingSetError: no item has.
    """
    present = torch.stack([embedding_set.present(name) for name in candidates]).sum(0)
    rows = (present >= at_least).nonzero().flatten()
    if not len(rows):
        raise EmbeddingSetError(f"no item has {_joined(candidates, at_least)}; choose other candidates")
    return rows


def _joined(candidates: Sequence[str], at_least: int) -> str:
    return (" or " if at_least == 1 else " and ").join(candidates)
