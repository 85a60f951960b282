"""What is asked of a set: which modality asks which others, by which measure, over which items."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError
from gram.retrieval.task import check_candidates, rows_with_candidates


class Task(NamedTuple):
    """One retrieval task; its items are those that `gram.evaluate` ranks."""

    embedding_set: EmbeddingSet
    query: str
    candidates: tuple[str, ...]
    measure: str
    rows: Int[Tensor, " n"]

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities that take part, the query's first."""
        return (self.query, *self.candidates)

    @property
    def needed(self) -> str:
        """What an item needs to be ranked, in words."""
        joint = " or " if measures.get(self.measure).min_candidates == 1 else " and "
        return f"{self.query} together with {joint.join(self.candidates)}"

    def vectors(self) -> tuple[Float[Tensor, "n d"], list[Float[Tensor, "n d"]]]:
        """Return the ranked items' queries and their candidates, one tensor a modality."""
        query, *others = (self.embedding_set.modalities[name][self.rows] for name in self.names)
        return query, others


def task_of(embedding_set: EmbeddingSet, query: str | None, candidates: Sequence[str] | None, measure: str) -> Task:
    """Return the task that these arguments mean, with the defaults of `gram.evaluate`.

    Raises:
        ValueError: unknown modality or measure; a query that is also a candidate; a number of candidates that the
            measure is not defined for.
        EmbeddingSetError: no item has the query and a candidate.
    """
    query = embedding_set.anchor if query is None else query
    if candidates is None:
        candidates = [name for name in embedding_set.names if name != query]
    chosen = measures.get(measure)
    names = check_candidates(embedding_set, candidates, query=query, measure=chosen.name)
    rows = rows_with_candidates(embedding_set, names, at_least=chosen.min_candidates)
    rows = rows[embedding_set.present(query)[rows]]
    task = Task(embedding_set, query, names, chosen.name, rows)
    if not len(rows):
        raise EmbeddingSetError(f"no item has {task.needed}; choose others")
    return task
