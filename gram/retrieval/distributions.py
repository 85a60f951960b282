"""Distributions of a measure's values over matched and mismatched pairs, and how well the values separate these.

An item's own vectors are matched; its query with another item's candidate is mismatched. The n matched values are
few and kept; the n (n - 1) mismatched ones are streamed, counted into bins, and never held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError
from gram.retrieval.pair_histogram import PairHistogram, bins_of
from gram.retrieval.scoring import TOLERANCE, score_blocks, score_pairs, score_scale
from gram.retrieval.task import RetrievalTask

__all__ = ["Distributions", "Pairs", "distributions", "matched_values", "mismatched_in", "pair_value"]

BINS = 50
MAX_ITEMS = 3_000
# Rows stored in float16 are of length one to within 2^-11 a coordinate.
_UNIT_TOLERANCE = 2e-3


@dataclass(frozen=True, eq=False)
class Distributions:
    """The values of one measure for matched and mismatched pairs, signed as people read them.

    Attributes:
        query: name of the query's modality.
        candidates: names of the candidate's modalities.
        measure: name of the measure. Where it says `small_is_aligned` values are without the score's minus.
        rows: (n,) rows of the set that have the query and some candidate.
        matched: (n,) the value of each of those items.
        edges: (bins + 1,) of the bins; values beyond the ends are counted in the end bins.
        matched_counts: (bins,) items.
        mismatched_counts: (bins,) pairs.
        sample: (m,) rows whose pairs were counted; all of `rows` unless there are more than `max_items`.
        auc: how likely a matched value is better than a mismatched one, ties counting half; chance is 0.5.
        auc_interval: its 95 % interval, from leaving out one item at a time; no wider than a point where every
            matched value beats every mismatched one.
        overlap: overlap coefficient in [0, 1]: 0 where one threshold parts matched from mismatched, 1 where none
            helps. It is the least sum of the share of matched values turned away and of mismatched ones let in, over
            all thresholds; the area that both densities share, where they cross once.
        threshold: the value, itself let in, at which that sum is least.
        left_out: how many items lack the query or every candidate; or any, where the measure needs all.
    """

    query: str
    candidates: tuple[str, ...]
    measure: str
    rows: Int[np.ndarray, " n"]
    matched: Float[np.ndarray, " n"]
    edges: Float[np.ndarray, " bins+1"]
    matched_counts: Int[np.ndarray, " bins"]
    mismatched_counts: Int[np.ndarray, " bins"]
    sample: Int[np.ndarray, " m"]
    auc: float
    auc_interval: tuple[float, float]
    overlap: float
    threshold: float
    left_out: int

    @property
    def small_is_aligned(self) -> bool:
        """Whether small values are the good ones."""
        return measures.get(self.measure).small_is_aligned

    @property
    def pairs(self) -> int:
        """How many mismatched pairs were counted: m (m - 1)."""
        return len(self.sample) * (len(self.sample) - 1)

    @property
    def is_exact(self) -> bool:
        """Whether every mismatched pair was counted, not those of a sample of items."""
        return len(self.sample) == len(self.rows)

    @property
    def mismatched_median(self) -> float:
        """Median of the mismatched values, to within the width of a bin: spread evenly within its bin."""
        below = np.concatenate([[0], self.mismatched_counts.cumsum()])
        return float(np.interp(below[-1] / 2, below, self.edges))

    def bins_within(self, low: float, high: float) -> range:
        """Return the bins whose middle lies between two values; the nearest one when none does."""
        middles = (self.edges[:-1] + self.edges[1:]) / 2
        inside = np.flatnonzero((middles >= low) & (middles <= high))
        if not len(inside):
            inside = np.array([np.abs(middles - (low + high) / 2).argmin()])
        return range(int(inside[0]), int(inside[-1]) + 1)

    def matched_in(self, bins: range) -> Int[np.ndarray, " found"]:
        """Return the rows of the set whose matched value is in one of a run of bins, best aligned first."""
        places = bins_of(torch.from_numpy(self.matched), self.edges).numpy()
        inside = np.flatnonzero((places >= bins.start) & (places < bins.stop))
        values = self.matched[inside]
        return self.rows[inside[np.argsort(values if self.small_is_aligned else -values, kind="stable")]]


class Pairs(NamedTuple):
    """Mismatched pairs, best aligned first.

    Attributes:
        total: how many there are in all; the first few follow.
        queries: rows of the set that give the query.
        candidates: rows of the set that give the candidate.
        values: as in `Distributions`.
    """

    total: int
    queries: Int[np.ndarray, " shown"]
    candidates: Int[np.ndarray, " shown"]
    values: Float[np.ndarray, " shown"]


def distributions(
    embedding_set: EmbeddingSet,
    *,
    candidates: Sequence[str],
    query: str | None = None,
    measure: str = "volume",
    bins: int = BINS,
    max_items: int = MAX_ITEMS,
    seed: int = 0,
    span: tuple[float, float] | None = None,
    progress: Progress = no_progress,
) -> Distributions:
    """Return the distributions of a measure's matched and mismatched values, their AUC and overlap.

    Computed in float64, in blocks. The area under the ROC curve,
    AUC = P(matched better than mismatched) + P(tie) / 2, is exact over the pairs counted. Its interval is the
    jackknife's: one item at a time is left out, with every pair it is in, which respects that pairs share items;
    taken on the scale of log(AUC / (1 - AUC)), so that it stays within [0, 1].

    Args:
        embedding_set: vectors as given; volumes of unit rows lie in [0, 1].
        candidates: names of the candidate's modalities.
        query: name of the query's modality; the anchor by default.
        measure: one of `gram.measures.names()`.
        bins: of equal width. For unit rows over the measure's `value_range`, where it has one; else over the data.
        max_items: with more items than this, mismatched pairs are those among a sample of so many items.
        seed: of that sample.
        span: where the bins begin and end instead, so that two sets share an axis.
        progress: called with the share of the pairs that is counted.

    Raises:
        ValueError: unknown measure or modality, a number of candidates that the measure is not defined for, the query
            among the candidates, bins below 1, or fewer than three items that have the query and a candidate.
        EmbeddingSetError: no item has both.

    Source:
        AUC by ranks: Hanley & McNeil 1982. Jackknife: Efron & Tibshirani 1993, chapter 11.
    """
    if bins < 1:
        raise ValueError(f"bins: expected at least 1, got {bins}")
    task = RetrievalTask(embedding_set, query, candidates, measure, device="cpu")
    n, sign = len(task), _sign(task)
    if n < 3:
        raise ValueError(f"embedding_set: expected 3 items or more with a query and a candidate, got {n}")
    picked = torch.arange(n)
    if n > max_items:
        generator = torch.Generator().manual_seed(seed)
        picked = torch.randperm(n, generator=generator)[: max(3, max_items)].sort().values
    matched = _matched(task)
    edges = np.linspace(*(span or _range_of_values(task, matched, picked)), bins + 1)
    tolerance = TOLERANCE * float(score_scale(task.measure, task.anchors, task.others))
    tally = PairHistogram(matched, picked, tolerance, sign, edges)
    for rows, columns, scores in _blocks(task, picked, progress):
        tally.add(picked[rows], picked[columns], scores)
    shown = matched * sign
    overlap, threshold = tally.overlap()
    return Distributions(
        query=task.query,
        candidates=task.candidates,
        measure=task.measure,
        rows=task.rows.numpy(),
        matched=shown.numpy(),
        edges=edges,
        matched_counts=torch.bincount(bins_of(shown, edges), minlength=bins).numpy(),
        mismatched_counts=tally.counts.numpy(),
        sample=task.rows[picked].numpy(),
        auc=tally.auc(),
        auc_interval=tally.interval(),
        overlap=overlap,
        threshold=threshold * sign,
        left_out=task.left_out,
    )


def matched_values(
    embedding_set: EmbeddingSet, *, candidates: Sequence[str], query: str | None = None, measure: str = "volume"
) -> Float[np.ndarray, " n"]:
    """Return each item's own value of a measure, as `distributions` has it in `matched`; NaN where it has none.

    Time grows with n. Arguments and errors are those of `distributions`, but that no item may have a value.
    """
    values = np.full(len(embedding_set), np.nan)
    try:
        task = RetrievalTask(embedding_set, query, candidates, measure, device="cpu")
    except EmbeddingSetError:
        return values
    values[task.rows] = (_matched(task) * _sign(task)).numpy()
    return values


def mismatched_in(embedding_set: EmbeddingSet, found: Distributions, bins: range, *, limit: int = 24) -> Pairs:
    """Return the mismatched pairs whose value is in one of a run of bins of `found`, the best aligned first.

    Args:
        embedding_set: the one that `found` is of.
        found: what `distributions` returned.
        bins: a run of bins, such as `range(0, 5)` for the first five.
        limit: how many pairs to name; all are counted.
    """
    task = RetrievalTask(embedding_set, found.query, found.candidates, found.measure, device="cpu")
    sign, picked = _sign(task), torch.from_numpy(np.flatnonzero(np.isin(found.rows, found.sample)))
    count, best = 0, torch.empty(0, 3, dtype=torch.float64)
    for rows, columns, scores in _blocks(task, picked):
        places = bins_of(scores * sign, found.edges)
        inside = (places >= bins.start) & (places < bins.stop) & (picked[rows][:, None] != picked[columns])
        count += int(inside.sum())
        at = inside.nonzero()
        pairs = picked[rows][at[:, 0]].double(), picked[columns][at[:, 1]].double()
        best = torch.cat([best, torch.stack([scores[inside], *pairs], dim=1)])
        best = best[best[:, 0].argsort(descending=True, stable=True)[:limit]]
    return Pairs(
        count,
        task.rows[best[:, 1].long()].numpy(),
        task.rows[best[:, 2].long()].numpy(),
        (best[:, 0] * sign).numpy(),
    )


def pair_value(embedding_set: EmbeddingSet, found: Distributions, query_row: int, candidate_row: int) -> float:
    """Return the value that `found` would show for one item's query with one item's candidate; NaN if it lacks one."""
    vectors = embedding_set.modalities
    others = [vectors[name][[candidate_row]].double() for name in found.candidates]
    score = measures.score(found.measure, vectors[found.query][[query_row]].double(), *others)[0, 0]
    return float(-score if found.small_is_aligned else score)


def _sign(task: RetrievalTask) -> float:
    return -1.0 if measures.get(task.measure).small_is_aligned else 1.0


def _matched(task: RetrievalTask) -> Float[Tensor, " n"]:
    """Return each item's score with itself."""
    everything = torch.arange(len(task))
    return score_pairs(task.measure, task.anchors, task.others, everything, everything)


def _blocks(
    task: RetrievalTask, picked: Int[Tensor, " m"], progress: Progress = no_progress
) -> Iterator[tuple[slice, slice, Float[Tensor, "q n"]]]:
    return score_blocks(
        task.measure, task.anchors, task.others, anchor_rows=picked, candidate_rows=picked, progress=progress
    )


def _range_of_values(
    task: RetrievalTask, matched: Float[Tensor, " n"], picked: Int[Tensor, " m"]
) -> tuple[float, float]:
    """Return where the bins begin and end: fixed for unit rows, so that pictures compare; else from the data."""
    fixed = measures.get(task.measure).value_range(len(task.names))
    if fixed is not None and all(map(_are_units, (task.anchors, *task.others))):
        return fixed
    low, high = matched.min(), matched.max()
    for _, _, scores in _blocks(task, picked):
        low, high = torch.minimum(low, scores.min()), torch.maximum(high, scores.max())
    ends = sorted(float(end) * _sign(task) for end in (low, high))
    width = ends[1] - ends[0]
    return (ends[0], ends[1]) if width > 0 else (ends[0] - 0.5, ends[1] + 0.5)


def _are_units(vectors: Float[Tensor, "n d"]) -> bool:
    lengths = torch.linalg.vector_norm(vectors.float(), dim=1)
    return bool(((lengths - 1).abs() <= _UNIT_TOLERANCE).logical_or(lengths.isnan()).all())
