"""Hubs: candidates that come first for queries that are not theirs, again and again.

Under volume = base * height a candidate whose own vectors are nearly collinear has a small base, and wins whatever is
asked; the height alone, which leaves the base out, tells how much of it that explains.

Source: M. Radovanovic, A. Nanopoulos, M. Ivanovic, Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data,
JMLR 11 (2010).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import spearmanr
from torch import Tensor

from gram import measures
from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.task import Task, task_of
from gram.geometry import volume
from gram.retrieval.scoring import BLOCK, TOLERANCE, score_scale

TOP = 0.01  # of the candidates: the usual cut for hubs, and few enough to look at one by one
# The top 1 % win wrongly anyway where a set is hard; hubs are what costs one query in twenty beyond what an even spread
# of the errors would give them, and makes up most of the errors.
MIN_QUERY_SHARE, MIN_ERROR_SHARE = 0.05, 0.4
_NORMAL_95 = 1.959964
_SCORES_AT_ONCE = 1 << 23  # 64 MB in float64
_DRAWS = 64  # of an even spread: its luckiest 1 % is known to about 1 % of itself


@dataclass(frozen=True, kw_only=True, eq=False)
class Hubs:
    """How often each candidate is among the first k, over all queries; ties are shared.

    Attributes:
        query: the modality that asks.
        candidates: the modalities of a candidate.
        measure: what ranks.
        k: how many places a query gives.
        rows: (n,) rows of the set that were ranked, each as a query and as a candidate.
        occurrences: (n,) N_k, how often each is among the first k of any query, its own included.
        own: (n,) how much of that its own query gave: 0 or 1, between where places are shared.
        base: (n,) volume of each candidate's own vectors.
        under_height: the same when the candidates are ranked by height; None where they already are.
    """

    query: str
    candidates: tuple[str, ...]
    measure: str
    k: int
    rows: Int[np.ndarray, " n"]
    occurrences: Float[np.ndarray, " n"]
    own: Float[np.ndarray, " n"]
    base: Float[np.ndarray, " n"]
    under_height: "Hubs | None" = field(default=None, repr=False)

    @property
    def skewness(self) -> float:
        """Skewness of N_k, the third standardised moment: 0 where all are found alike, large where a few take all."""
        centred = self.occurrences - self.occurrences.mean()
        spread = centred.std()
        return float((centred**3).mean() / spread**3) if spread > 0 else 0.0

    @property
    def base_correlation(self) -> float:
        """Spearman's correlation of N_k with the base, below 0 where small bases win; NaN where either is constant."""
        if len(self.candidates) < 2 or np.ptp(self.base) == 0 or np.ptp(self.occurrences) == 0:
            return math.nan
        return float(spearmanr(self.occurrences, self.base).statistic)

    @property
    def top(self) -> Int[np.ndarray, " m"]:
        """Places in `rows` of the 1 % (at least one) that most often win queries of others, the worst first."""
        return np.argsort(-(self.occurrences - self.own), kind="stable")[: math.ceil(TOP * len(self.rows))]

    @property
    def even_share(self) -> float:
        """What share of the places the top 1 % would take if each candidate took as many."""
        return len(self.top) / len(self.rows)

    @property
    def top_share(self) -> float:
        """What share of all places the top 1 % take."""
        most = np.sort(self.occurrences)[-len(self.top) :]
        return float(most.sum() / self.occurrences.sum())

    @property
    def wrong_share(self) -> float:
        """Wrong places (of queries that are not the candidate's own) of all candidates, as a share of all places."""
        return float((self.occurrences - self.own).sum() / self.occurrences.sum())

    @property
    def taken(self) -> float:
        """Wrong places that the top 1 % take, as a share of all places."""
        return float((self.occurrences - self.own)[self.top].sum() / self.occurrences.sum())

    def taken_by_chance(self, *, seed: int = 0) -> float:
        """Return what `taken` would be if the wrong places fell on candidates at random, the mean of seeded draws."""
        wrong, n = round(float((self.occurrences - self.own).sum())), len(self.rows)
        drawn = np.random.default_rng(seed).multinomial(wrong, np.full(n, 1 / n), size=_DRAWS)
        most = np.sort(drawn, axis=1)[:, -len(self.top) :]
        return float(most.sum(axis=1).mean() / self.occurrences.sum())

    @property
    def crowded(self) -> bool:
        """Whether the top 1 % take so many first places of others that it is a fault."""
        return (
            self.taken - self.taken_by_chance() >= MIN_QUERY_SHARE and self.taken >= MIN_ERROR_SHARE * self.wrong_share
        )

    @property
    def base_costs(self) -> bool:
        """Whether volume finds the true item so much less often than height does, and reliably, that it is a fault."""
        if self.measure != "volume" or self.under_height is None:
            return False
        gains = self.under_height.own - self.own
        return bool(gains.mean() >= MIN_QUERY_SHARE and gains.mean() > _NORMAL_95 * gains.std() / len(gains) ** 0.5)


def find_hubs(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    k: int = 1,
    device: str | torch.device = "auto",
) -> Hubs:
    """Return how often each candidate is among the first k of any query.

    N_k(x) = number of queries that have x among their first k. Candidates that tie for the last places share them
    evenly. Every pair is scored, in float64 and in blocks, once by the measure and once by height.

    Args:
        embedding_set: n items in k modalities; vectors are used as given.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.
        measure: one of `gram.measures.names()`.
        k: how many places each query gives; all of them if there are fewer candidates.
        device: "cpu", "cuda", or "auto" for cuda where there is one.

    Raises:
        ValueError: unknown modality, measure or device; a query that is also a candidate; a number of candidates that
            the measure is not defined for; k below 1.
        EmbeddingSetError: no item has the query and a candidate.
    """
    if k < 1:
        raise ValueError(f"k: expected at least 1 place, got {k}")
    task = task_of(embedding_set, query, candidates, measure)
    picked = select_device(device)
    _, others = task.vectors()
    base = volume(torch.stack(others, dim=1).double()).numpy()
    under_height = None if task.measure == "height" else _hubs(task, "height", k, base, picked)
    return _hubs(task, task.measure, k, base, picked, under_height)


def _hubs(
    task: Task, measure: str, k: int, base: np.ndarray, device: torch.device, under_height: Hubs | None = None
) -> Hubs:
    occurrences, own = _count(measures.get(measure), *task.vectors(), k=k, device=device)
    return Hubs(
        query=task.query, candidates=task.candidates, measure=measure, k=k, rows=task.rows.numpy(),
        occurrences=occurrences.numpy(), own=own.numpy(), base=base, under_height=under_height,
    )  # fmt: skip


def _count(
    measure: measures.Measure,
    anchors: Float[Tensor, "n d"],
    others: Sequence[Float[Tensor, "n d"]],
    *,
    k: int,
    device: torch.device,
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return how often each candidate is among the first k of all anchors, and of its own."""
    n, k = len(anchors), min(k, len(anchors))
    wide = [other.to(device, torch.float64) for other in others]
    scale = score_scale(measure, anchors, others, device)
    occurrences, own = torch.zeros(2, n, dtype=torch.float64, device=device)
    at_once = max(1, min(BLOCK, _SCORES_AT_ONCE // n))
    for start in range(0, n, at_once):
        asked = anchors[start : start + at_once].to(device, torch.float64)
        scores = torch.cat(
            [
                measure.scores(asked, measure.prepare(*(other[at : at + BLOCK] for other in wide)))
                for at in range(0, n, BLOCK)
            ],
            dim=1,
        )
        last = scores.topk(k, dim=1).values[:, -1:]
        margin = TOLERANCE * (last.abs() + scale)
        above = scores > last + margin
        tied = (scores >= last - margin) & ~above
        left = k - above.sum(dim=1, keepdim=True)
        places = above + tied * (left / tied.sum(dim=1, keepdim=True))
        occurrences += places.sum(dim=0)
        own[start : start + len(asked)] = places.diagonal(offset=start)
    return occurrences.cpu(), own.cpu()
