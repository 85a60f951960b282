"""Every query of a retrieval as a case: the winner, the margin, the ranks under single changes, and the cause.

The cause of a failure is the first of these that holds:

1. **duplicate**: the winner's candidate vectors equal the true item's, or the two tie.
2. **unresolved**: both volumes are 0, or the margin is at most twice what rounding the stored vectors another way
   changes it by (root mean square).
3. **missing modality**: the true item or the winner lacks a candidate modality, and with that one left out of all
   candidates the true item is first.
4. **hub**: under a measure in which the candidate's own vectors count, the winner's base is below half the median and
   below the true item's, and the query is no nearer to its span than to the true item's, so that with equal bases the
   true item would come before it; or, under any measure, the winner is first for more queries than chance explains, and
   without all such items the true one is first.
5. **sign**: vectors of the true item point away from the query, and with them flipped it is first. A vector points
   away if its cosine with the query is negative, and as far below the query's mean cosine with that modality as random
   vectors are once in 10,000. A whole modality points away if, over the queries, matched cosines are below that
   mean by more than 3.29 standard errors; it is then flipped for all candidates.
6. **modality**: with one candidate modality left out of all candidates, the true item is first; of several, the one
   that leaves it furthest ahead is at fault.
7. **missing modality** again: the true item lacks a candidate modality. What it would score with it cannot be known, so
   the causes above come first.
8. **query**: the true item's own vectors agree as well as the median item's (base), but the query is farther from their
   span than nine of ten queries answered right, and by height the true item is not first either.
9. **several**: none of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.failures.statistics import CaseStatistics, GalleryStatistics, examine
from gram.errors import EmbeddingSetError
from gram.retrieval.task import RetrievalTask

SAMPLE = 2000
SINGLE_CHANGES = ("rank_same_base", "rank_by_height", "rank_sign_flipped", "rank_without_hubs")
_SMALL_BASE = 0.5  # a base below this share of the usual one is small
_ROUNDINGS = 2.0  # a margin within so many usual changes by rounding is not resolved


class Cause(NamedTuple):
    """Title of a cause, and one line that explains it."""

    title: str
    help: str


CAUSES = {
    "right": Cause("Right", "The true item is first, alone."),
    "duplicate": Cause(
        "Duplicate", "The winner has the same vectors as the true item, or ties with it: no score tells the two apart."
    ),
    "unresolved": Cause(
        "Not resolved", "The two scores are closer than the stored numbers can tell: rounding decides who is first."
    ),
    "missing modality": Cause(
        "Missing modality", "The true item or the winner lacks a modality, so the two are judged by unlike vectors."
    ),
    "hub": Cause(
        "Hub", "The winner comes first whatever is asked: its own vectors span little, or it lies near most queries."
    ),
    "sign": Cause("Sign", "Vectors of the true item point away from the query; turned round, they make it first."),
    "modality": Cause("One modality", "With one modality left out of all candidates, the true item is first."),
    "query": Cause("Query", "The true item's own vectors agree; it is the query that is far from them."),
    "several": Cause("Several", "No single change makes the true item first."),
}


@dataclass(frozen=True, eq=False)
class Cases:
    """The queries of a set as cases.

    The table has a row for each query, in the order of the set, with these columns:

    - id, label, split; rank (float, 1 for the best, the average of tied ranks); right (rank 1, no tie);
    - winner (id of the best item other than the true one, the first in the set of those that tie), winner_label; margin
      (score of the true item minus that of the winner, 0 for a tie); winner_occurrences (for how many
      queries the winner is first; a tie counts for the query's own item);
    - base_true, base_winner; height_true, height_winner (of the query over the span of their vectors);
    - `without_<modality>` (rank with that modality left out of all candidates; NaN with one candidate, where the true
      item has no other, or where the measure is not defined for one fewer); rank_same_base (rank if the winner's base
      were the true item's; NaN but for volume); rank_by_height; rank_sign_flipped and rank_without_hubs (as
      `Attribution` has them);
    - cause (see the head of this module); at_fault (a modality, or "").

    Attributes:
        table: the cases, as above.
        query: the query modality.
        candidates: the candidate modalities.
        measure: name of the measure.
        gallery: how many items each query was ranked against.
        left_out: how many items of the set lack the query or too many candidates.
        statistics: what is usual in the gallery, against which each case was judged.
    """

    table: pd.DataFrame
    query: str
    candidates: tuple[str, ...]
    measure: str
    gallery: int
    left_out: int
    statistics: GalleryStatistics = field(repr=False)

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.table)

    @property
    def sampled(self) -> bool:
        """Whether the queries are a sample; they are ranked against all items even so."""
        return len(self) < self.gallery

    @property
    def failures(self) -> pd.DataFrame:
        """The rows of `table` that are not right."""
        return self.table[~self.table["right"]]

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases by cause, in the order of `CAUSES`; causes without a case are left out."""
        counted = self.table["cause"].value_counts()
        return {cause: int(counted[cause]) for cause in CAUSES if cause in counted}


def find_cases(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> Cases:
    """Return each query of a set as a case, with its cause.

    The gallery is that of `evaluate`: the items that have the query and a candidate. Scores are those of the vectors as
    given, in float64; memory is that of one block of pairs. With more items than `sample`, that many queries are drawn
    and ranked against all.

    Args and errors: as `gram.evaluate`, and
        sample: the largest number of queries, at least 1.
        seed: of their choice.

    Raises:
        EmbeddingSetError: fewer than two items have the query and a candidate.
    """
    if sample < 1:
        raise ValueError(f"sample: expected at least 1, got {sample}")
    task = case_task(embedding_set, query, candidates, measure, device)
    at = torch.arange(len(task))
    if len(task) > sample:
        drawn = np.random.default_rng(seed).choice(len(task), sample, replace=False)
        at = torch.from_numpy(np.sort(drawn))
    statistics, gallery = examine(task, at, progress=progress)
    table = _table(task, statistics, gallery)
    return Cases(table, task.query, task.candidates, task.measure, len(task), task.left_out, gallery)


def case_task(
    embedding_set: EmbeddingSet,
    query: str | None,
    candidates: Sequence[str] | None,
    measure: str,
    device: str | torch.device,
) -> RetrievalTask:
    """Return the retrieval task of these arguments.

    Raises:
        ValueError, EmbeddingSetError: as `RetrievalTask`; fewer than two items are ranked.
    """
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    if len(task) < 2:
        raise EmbeddingSetError(f"only one item has {task.needed}; a failure takes two")
    return task


def _table(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> pd.DataFrame:
    """Return the table of `find_cases` for cases whose statistics are known."""
    ids, labels = (np.array(each, dtype=object) for each in (task.ids, task.labels))
    at, winner = statistics.at.numpy(), statistics.winner.numpy()
    items = task.embedding_set.items
    splits = items["split"].astype(str).to_numpy() if "split" in items else np.full(len(items), "")
    cause, at_fault = decide(task, statistics, gallery)
    return pd.DataFrame(
        {
            "id": ids[at],
            "label": labels[at],
            "split": splits[task.rows.numpy()[at]],
            "rank": statistics.rank.numpy(),
            "right": (statistics.rank == 1).numpy(),
            "winner": ids[winner],
            "winner_label": labels[winner],
            "margin": statistics.margin.numpy(),
            **dict(zip(("base_true", "base_winner"), statistics.base.numpy().T)),
            **dict(zip(("height_true", "height_winner"), statistics.height.numpy().T)),
            "winner_occurrences": gallery.top1_counts[statistics.winner].numpy(),
            **{f"without_{name}": statistics.without[:, place].numpy() for place, name in enumerate(task.candidates)},
            **{name: getattr(statistics, name).numpy() for name in SINGLE_CHANGES},
            "cause": cause,
            "at_fault": at_fault,
        }
    )


def decide(
    task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics
) -> tuple[np.ndarray, np.ndarray]:
    """Return cause and modality at fault of each case, by the rules at the head of this module."""
    names = np.array(task.candidates, dtype=object)
    without, lead = statistics.without.numpy(), statistics.lead.numpy()
    lacks_true, lacks_winner = statistics.lacks.numpy().transpose(2, 0, 1)
    unlike = (lacks_true | lacks_winner) & (without == 1)
    leading = np.where(without == 1, lead, -np.inf)
    flipped = statistics.sign_flipped.numpy()
    present = ~lacks_true
    all_flipped = (flipped == present).all(1) & (present.sum(1) > 1)  # then it is the query that is flipped
    holds = [
        ("right", (statistics.rank == 1).numpy()),
        ("duplicate", (statistics.alike | ((statistics.margin == 0) & ~statistics.nothing)).numpy()),
        ("unresolved", (statistics.nothing | (statistics.margin.abs() <= _ROUNDINGS * statistics.rounding)).numpy()),
        ("missing modality", unlike.any(1)),
        ("hub", is_hub_by_base(task, statistics, gallery) | (statistics.rank_without_hubs == 1).numpy()),
        ("sign", (statistics.rank_sign_flipped == 1).numpy()),
        ("modality", (without == 1).any(1)),
        ("missing modality", lacks_true.any(1)),
        ("query", _is_query(task, statistics, gallery)),
        ("several", np.ones(len(without), dtype=bool)),
    ]
    cause = np.select([held for _, held in holds], [np.array(name, dtype=object) for name, _ in holds])
    faults = {
        "missing modality": np.where(unlike.any(1), names[unlike.argmax(1)], names[lacks_true.argmax(1)]),
        "sign": np.where(
            all_flipped, task.query, names[np.where(flipped, statistics.cosines.numpy(), np.inf).argmin(1)]
        ),
        "modality": names[leading.argmax(1)],
        "query": np.full(len(without), task.query, dtype=object),
    }
    at_fault = np.select([cause == name for name in faults], list(faults.values()), default="")
    return cause, at_fault


def is_hub_by_base(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> np.ndarray:
    """Return whether the winner wins by its small base: with equal bases the true item is before it."""
    if not measures.get(task.measure).uses_candidate_base or len(task.candidates) < 2:
        return np.zeros(len(statistics.at), dtype=bool)
    true, winner = statistics.base.unbind(1)
    small = (winner < _SMALL_BASE * gallery.median_base) & (winner < true)
    return (small & (statistics.height[:, 0] <= statistics.height[:, 1])).numpy()


def _is_query(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> np.ndarray:
    if len(task.candidates) < 2:  # of two vectors nothing tells which one is off
        return np.zeros(len(statistics.at), dtype=bool)
    far = (statistics.height[:, 0] > gallery.height_limit) & (statistics.rank_by_height != 1)
    return (far & (statistics.base[:, 0] <= gallery.median_base)).numpy()
