"""Hubs: candidates that come first for many queries other than their own.

Under volume = base * height, a candidate whose own vectors are nearly collinear has a small base and wins for every
query. Ranking by height, which leaves the base out, shows how much of the hubs that explains.

Source: M. Radovanovic, A. Nanopoulos, M. Ivanovic, Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data,
JMLR 11 (2010).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import skew, spearmanr
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, log_uniform, register, unit
from gram.diagnostics.dataset.context import NORMAL_95, DiagnosisContext, percent
from gram.geometry import volume
from gram.retrieval import scoring
from gram.retrieval.task import RetrievalTask

TOP = 0.01  # of the candidates: the usual cut for hubs, and few enough to look at one by one
# The top 1 % win wrongly anyway where a set is hard; hubs are what costs one query in twenty beyond what an even spread
# of the errors would give them, and makes up most of the errors.
MIN_QUERY_SHARE, MIN_ERROR_SHARE = 0.05, 0.4
HUB_WINS, HUB_TIMES = 3, 5  # of other queries, and times the mean: less happens to many a candidate
_SCORES_AT_ONCE = 1 << 23  # 64 MB in float64
_DRAWS = 64  # of an even spread: its luckiest 1 % is known to about 1 % of itself


@dataclass(frozen=True, kw_only=True, eq=False)
class Hubs:
    """How often each candidate is among the first k, over all queries; tied places are shared.

    Attributes:
        query: the query modality.
        candidates: the candidate modalities.
        measure: name of the measure.
        k: number of places of a query.
        rows: (n,) rows of the set that were ranked, each as a query and as a candidate.
        occurrences: (n,) N_k, how often each is among the first k of any query, its own included.
        own: (n,) its share in that of its own query: 0 or 1, between where places are shared.
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
        return float(skew(self.occurrences)) if np.ptp(self.occurrences) > 0 else 0.0

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
        """Share of the places of the top 1 % if all candidates had as many."""
        return len(self.top) / len(self.rows)

    @property
    def top_share(self) -> float:
        """Share of all places that the top 1 % take."""
        most = np.sort(self.occurrences)[-len(self.top) :]
        return float(most.sum() / self.occurrences.sum())

    @property
    def wrong_share(self) -> float:
        """Share of all places that candidates take of queries not their own."""
        return float((self.occurrences - self.own).sum() / self.occurrences.sum())

    @property
    def taken(self) -> float:
        """Share of all places that the top 1 % take of queries not their own."""
        return float((self.occurrences - self.own)[self.top].sum() / self.occurrences.sum())

    def taken_by_chance(self, *, seed: int = 0) -> float:
        """Return the mean of `taken` if wrong places fell on candidates at random, over seeded draws."""
        wrong, n = round(float((self.occurrences - self.own).sum())), len(self.rows)
        drawn = np.random.default_rng(seed).multinomial(wrong, np.full(n, 1 / n), size=_DRAWS)
        most = np.sort(drawn, axis=1)[:, -len(self.top) :]
        return float(most.sum(axis=1).mean() / self.occurrences.sum())

    @property
    def crowded(self) -> bool:
        """Whether the top 1 % win so many queries of others that it is a fault."""
        return (
            self.taken - self.taken_by_chance() >= MIN_QUERY_SHARE and self.taken >= MIN_ERROR_SHARE * self.wrong_share
        )

    @property
    def base_costs(self) -> bool:
        """Whether R@1 by volume is significantly below that by height, by enough to be a fault."""
        if self.measure != "volume" or self.under_height is None:
            return False
        gains = self.under_height.own - self.own
        return bool(gains.mean() >= MIN_QUERY_SHARE and gains.mean() > NORMAL_95 * gains.std() / len(gains) ** 0.5)


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

    Args and errors: as `gram.evaluate`, and
        k: how many places each query gives, at least 1; all of them if there are fewer candidates.
    """
    if k < 1:
        raise ValueError(f"k: expected at least 1 place, got {k}")
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    base = volume(torch.stack(task.others, dim=1).double()).numpy()
    under_height = None if task.measure == "height" else _hubs(task, "height", k, base)
    return _hubs(task, task.measure, k, base, under_height)


def _hubs(task: RetrievalTask, measure: str, k: int, base: np.ndarray, under_height: Hubs | None = None) -> Hubs:
    occurrences, own = _count(task, measure, k)
    return Hubs(
        query=task.query, candidates=task.candidates, measure=measure, k=k, rows=task.rows.numpy(),
        occurrences=occurrences.numpy(), own=own.numpy(), base=base, under_height=under_height,
    )  # fmt: skip


def _count(task: RetrievalTask, measure: str, k: int) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return how often each candidate is among the first k of all anchors, and of its own."""
    n, k = len(task), min(k, len(task))
    anchors, others, device = task.anchors, task.others, task.device
    scale = scoring.score_scale(measure, anchors, others, device)
    occurrences, own = torch.zeros(2, n, dtype=torch.float64, device=device)
    for rows in torch.arange(n).split(max(1, min(scoring.BLOCK, _SCORES_AT_ONCE // n))):
        blocks = scoring.score_blocks(measure, anchors, others, anchor_rows=rows, device=device)
        scores = torch.cat([scores for _, _, scores in blocks], dim=1)
        last = scores.topk(k, dim=1).values[:, -1:]
        margin = scoring.tie_margin(last, scale)
        above = scores > last + margin
        tied = (scores >= last - margin) & ~above
        left = k - above.sum(dim=1, keepdim=True)
        places = above + tied * (left / tied.sum(dim=1, keepdim=True))
        occurrences += places.sum(dim=0)
        own[rows] = places.diagonal(offset=int(rows[0])).to(own)
    return occurrences.cpu(), own.cpu()


def hubs_of(context: DiagnosisContext) -> Hubs:
    """Return how often each candidate comes first."""
    return find_hubs(context.part, context.query, context.candidates, context.measure, device=context.device)


def fair_measure(context: DiagnosisContext) -> str:
    """Return the measure to compare sets by: height where volume finds hubs, which any change may disturb."""
    hubs = context.once(hubs_of)
    return "height" if context.measure == "volume" and (hubs.crowded or hubs.base_costs) else context.measure


def recall_title(context: DiagnosisContext) -> str:
    """Return what R@1 by the fair measure is called: with the measure where it is not the one that ranks."""
    fair = context.once(fair_measure)
    return "R@1" if fair == context.measure else f"R@1 by {fair}"


def plant_hubs(clean: CleanSet) -> dict[str, Any]:
    """Shrink the angles between the candidate vectors of 1 to 5 % of the items to 1 to 20 %."""
    items = clean.draw_items(0.01, 0.05)
    middle: np.ndarray = np.mean([clean.rows[name][items] for name in clean.candidates], axis=0)
    shrunk = log_uniform(clean.rng, (0.01, 0.2))
    for name in clean.candidates:
        rows = clean.rows[name]
        rows[items] = unit(middle + shrunk * (rows[items] - middle))
    return {"modalities": clean.candidates, "items": items, "angles": shrunk}


@register("hubs", order=10, plant=plant_hubs, min_modalities=3)
def check_hubs(context: DiagnosisContext) -> Checked:
    """Check whether few candidates take the first places of many queries, or small bases those of some."""
    hubs = context.once(hubs_of)
    by_chance, by_height = hubs.taken_by_chance(), hubs.under_height or hubs
    looked_at = (
        f"the top 1 % of candidates are first for {percent(hubs.taken)} of queries that are not theirs "
        f"({percent(by_chance)} if errors fell evenly); skewness {hubs.skewness:.1f}"
    )
    wins = hubs.occurrences - hubs.own
    top = np.argsort(-wins, kind="stable")
    top = top[wins[top] >= max(HUB_WINS, HUB_TIMES * wins.mean())]
    if not len(top) or not (hubs.crowded or hubs.base_costs):
        return looked_at, []
    numbers = {
        "hubs": len(top), "candidates": len(hubs.rows), "taken": float(wins[top].sum() / hubs.occurrences.sum()),
        "by_chance": by_chance, "most_wins": float(wins.max()), "skewness": hubs.skewness,
        "top_share": hubs.top_share, "even_share": hubs.even_share, "base_correlation": hubs.base_correlation,
        "base_of_hubs": float(np.median(hubs.base[top])), "base_median": float(np.median(hubs.base)),
        "taken_under_height": by_height.taken, "recall": float(hubs.own.mean()),
        "recall_by_height": float(by_height.own.mean()),
    }  # fmt: skip
    text = (
        f"{len(top)} of {len(hubs.rows):,} candidates come first for {percent(numbers['taken'])} of all queries, none "
        "of them their own"
    )
    if len(context.candidates) > 1 and numbers["base_of_hubs"] < numbers["base_median"]:
        text += f"; the median base of these hubs is {numbers['base_of_hubs']:.3g}, of all {numbers['base_median']:.3g}"
    lost, remedy = 0.0, "Try CSLS or a dual softmax: both lower the scores of candidates that are near many queries."
    if hubs.base_costs:
        lost = numbers["recall_by_height"] - numbers["recall"]
        remedy = (
            f"Rank by height, which leaves the base out: R@1 is {percent(numbers['recall_by_height'])} in place of "
            f"{percent(numbers['recall'])}."
        )
    finding = Finding(
        cause="hubs", severity=min(1.0, max(hubs.taken - by_chance, lost)), title="Hubs take first places",
        text=f"{text}.", modalities=context.candidates, items=context.ids(hubs.rows[top]), numbers=numbers,
        remedy=remedy,
    )  # fmt: skip
    return looked_at, [finding]
