"""Two searchers' answers to one query, side by side, and where two rankings disagree."""

from collections.abc import Mapping
from dataclasses import dataclass

from gram.core.progress import Progress, no_progress, subprogress
from gram.retrieval.answer import Answer
from gram.retrieval.query import AnyQuery
from gram.retrieval.search import Searcher


@dataclass(frozen=True)
class Comparison:
    """Two answers to one query, side by side.

    Attributes:
        left: one searcher's answer.
        right: the other's.
        ranks: for the id of every item listed in either answer, its rank (left, right).
    """

    left: Answer
    right: Answer
    ranks: Mapping[str, tuple[float, float]]


def compare(
    query: AnyQuery, left: Searcher, right: Searcher, *, k: int = 10, progress: Progress = no_progress
) -> Comparison:
    """Return two searchers' answers to one query and where each one's hits rank in the other.

    Args:
        query: the query.
        left: one searcher.
        right: another.
        k: how many items each lists.
        progress: called with the share done, where a gallery is read as a whole.

    Raises:
        ValueError: see `Searcher.search`.
    """
    found = [
        searcher.find(query, k, subprogress(progress, side / 2, (side + 1) / 2))
        for side, searcher in enumerate((left, right))
    ]
    listed = dict.fromkeys((*found[0].ids, *found[1].ids))
    (first, ranks), (second, other) = (
        searcher.answer(query, each, k, listed) for searcher, each in zip((left, right), found)
    )
    return Comparison(first, second, {item: (rank, other[item]) for item, rank in ranks.items() if item in other})


def disagreements(left: Mapping[str, float], right: Mapping[str, float], *, within: int = 1) -> list[str]:
    """Return the ids that one ranking puts first and the other does not, furthest apart first.

    Args:
        left: rank by id; ids that the other lacks are left out.
        right: likewise.
        within: ranks down to this one still count as found in the other.
    """
    ranks = {item: sorted((rank, right[item])) for item, rank in left.items() if item in right}
    apart = {item: last for item, (first, last) in ranks.items() if first <= 1 and last > within}
    return sorted(apart, key=lambda item: -apart[item])
