"""Retrieval metrics of a set: recall at k, ranks and MRR with bootstrap intervals, for any number of items."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.mixed import warning_for
from gram.retrieval.ranks import Ranks, rank_true_items
from gram.retrieval.task import RetrievalTask

DIRECTIONS = ("query-to-candidates", "candidates-to-query")
RECALL_AT = (1, 5, 10)
METRICS = (*(f"R@{k}" for k in RECALL_AT), "median_rank", "mean_rank", "mrr")
_RESAMPLED_AT_ONCE = 1 << 20  # numbers drawn at a time by the bootstrap: 8 MB


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """The outcome of one retrieval task; ties count as what breaking them at random gives on average.

    Attributes:
        query: name of the query's modality, the anchor of the measure.
        candidates: names of the modalities of a candidate.
        measure: name of the measure.
        direction: "query-to-candidates" ranks candidates for each query; "candidates-to-query" the queries
            for each candidate.
        rows: (n,) rows of the set that were ranked.
        left_out: how many items were not, for they lack the query or all candidates (any, if the measure needs all).
        true_ranks: how many items beat each true one, and how many tie with it.
        caution: one line where the measure does not compare the candidates of one ranking; else empty.
    """

    query: str
    candidates: tuple[str, ...]
    measure: str
    direction: str
    rows: Int[Tensor, " n"]
    left_out: int
    true_ranks: Ranks = field(repr=False)
    caution: str = ""

    @property
    def n(self) -> int:
        """How many items were ranked."""
        return len(self.rows)

    @property
    def ranks(self) -> Float[Tensor, " n"]:
        """Place of each true item, 1 for the best; the average of the tied places."""
        return self.true_ranks.ranks()

    @property
    def recall(self) -> dict[int, float]:
        """R@K in [0, 1]: how likely the true item is among the first K, ties broken at random."""
        return {k: self.value(f"R@{k}") for k in RECALL_AT}

    @property
    def median_rank(self) -> float:
        """Median of the ranks."""
        return self.value("median_rank")

    @property
    def mean_rank(self) -> float:
        """Mean of the ranks."""
        return self.value("mean_rank")

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank: the expectation of 1 / rank, ties broken at random."""
        return self.value("mrr")

    def per_item(self, metric: str) -> Float[Tensor, " n"]:
        """Return what each item contributes to a metric.

        Raises:
            ValueError: unknown metric.
        """
        if metric not in METRICS:
            raise ValueError(f"metric: expected one of {', '.join(METRICS)}, got {metric!r}")
        if metric == "mrr":
            return self.true_ranks.reciprocal_ranks()
        if metric.startswith("R@"):
            return self.true_ranks.recall_at(int(metric.removeprefix("R@")))
        return self.true_ranks.ranks()

    def value(self, metric: str) -> float:
        """Return a metric by name: "R@1", "R@5", "R@10", "median_rank", "mean_rank" or "mrr".

        Raises:
            ValueError: unknown metric.
        """
        return float(_statistic(metric)(self.per_item(metric).numpy(), axis=0))

    def interval(
        self, metric: str, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
    ) -> tuple[float, float]:
        """Return the percentile bootstrap interval of a metric: items are drawn again with replacement.

        Args:
            metric: as in `value`.
            level: how much of the resampled values lies between the ends.
            resamples: how many times n items are drawn.
            seed: of the draws; the same seed gives the same interval, and the same draws for each metric.

        Raises:
            ValueError: unknown metric, level outside (0, 1), fewer than 1 resample.

        Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
        """
        values = self.per_item(metric).numpy()
        if not 0 < level < 1:
            raise ValueError(f"level: expected a number between 0 and 1, got {level}")
        if resamples < 1:
            raise ValueError(f"resamples: expected at least 1, got {resamples}")
        from scipy.stats import bootstrap

        if len(values) == 1:  # which SciPy refuses
            return self.value(metric), self.value(metric)
        found = bootstrap(
            (values,),
            _statistic(metric),
            n_resamples=resamples,
            batch=max(1, _RESAMPLED_AT_ONCE // len(values)),
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        return float(found.low), float(found.high)

    def to_dict(self, *, intervals: bool = True) -> dict[str, Any]:
        """Return the report as plain numbers and text, ready for JSON, with 95 % `intervals` or not."""
        report: dict[str, Any] = {
            "query": self.query,
            "candidates": list(self.candidates),
            "measure": self.measure,
            "direction": self.direction,
            "items": self.n,
            "left_out": self.left_out,
            "caution": self.caution,
            **{metric: self.value(metric) for metric in METRICS},
        }
        if intervals:
            report["intervals"] = {metric: list(self.interval(metric)) for metric in METRICS}
        return report

    def __str__(self) -> str:
        """Return the report as text: a line on the task, then one a metric with its 95 % interval."""
        query, found = self.query, " + ".join(self.candidates)
        if self.direction == "candidates-to-query":
            query, found = found, query
        left_out = f" ({self.left_out:,} left out)" if self.left_out else ""
        lines = [f"{query} -> {found} by {self.measure}, {self.n:,} items{left_out}"]
        for metric in METRICS:
            low, high = self.interval(metric)
            name = metric.replace("_", " ").replace("mrr", "MRR")
            lines.append(f"  {name:<12}{self.value(metric):>8.3g}   [{low:.3g}, {high:.3g}]")
        if self.caution:
            lines.append(self.caution)
        return "\n".join(lines)


def evaluate(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    direction: str = "query-to-candidates",
    *,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> RetrievalReport:
    """Return the retrieval metrics of a set: how well queries and candidates find each other.

    In "query-to-candidates", each item's query ranks the candidates (m_2 ... m_k) of all items. In
    "candidates-to-query", each candidate ranks the queries of all items: its base is then the same for all,
    and volume ranks as height does. The measure's anchor is the query in both.

    All pairs are scored, in float64 and in blocks: time grows with n^2, memory does not. Vectors are used as
    given. Items that lack the query, or all of the candidates, are left out and counted; one that lacks only
    some candidates is ranked by the others, or left out too if the measure needs all (`triangle`).

    Args:
        embedding_set: n items in k modalities.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.
        measure: one of `gram.measures.names()`.
        direction: "query-to-candidates" or "candidates-to-query".
        device: "cpu", "cuda", or "auto" for cuda where there is one.
        progress: called with the share done; an exception from it stops the work.

    Raises:
        ValueError: unknown modality, measure, direction or device; a query that is also a candidate; a number of
            candidates that the measure is not defined for.
        EmbeddingSetError: no item has the query and a candidate.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.eye(20)
        >>> s = EmbeddingSet(modalities={"text": x, "image": x}, items=pd.DataFrame({"id": range(20)}))
        >>> evaluate(s, query="text", candidates=["image"], measure="cosine").recall
        {1: 1.0, 5: 1.0, 10: 1.0}
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: expected one of {', '.join(DIRECTIONS)}, got {direction!r}")
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    forward = direction == "query-to-candidates"
    everything = torch.arange(len(task))
    ranks = rank_true_items(
        task.measure, task.anchors, task.others, everything, by_anchor=forward, device=task.device, progress=progress
    )
    # Backward, each ranking is of one candidate, and so of one k.
    warning = warning_for(embedding_set, task.candidates, task.measure, query=task.query) if forward else ""
    return RetrievalReport(
        task.query, task.candidates, task.measure, direction, task.rows, task.left_out, ranks, warning
    )


def ranks_of(
    embedding_set: EmbeddingSet,
    rows: ArrayLike | Tensor,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> tuple[Float[Tensor, " m"], int]:
    """Return where some items' own candidates rank for their queries, and among how many: as `evaluate` ranks all.

    So time grows with m n, not with n^2.

    Args:
        embedding_set: n items in k modalities.
        rows: (m,) rows of the set, whose queries are ranked.
        query: as for `evaluate`, and so the rest.
        candidates: names of modalities.
        measure: one of `gram.measures.names()`.
        device: "cpu", "cuda", or "auto".
        progress: called with the share done; an exception from it stops the work.

    Returns:
        Ranks, 1 for the best, the average of tied places; NaN of an item that is not ranked.

    Raises:
        ValueError, EmbeddingSetError: as `evaluate`.
    """
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    wanted = torch.as_tensor(np.asarray(rows)).reshape(-1).long()
    true = torch.searchsorted(task.rows, wanted).clamp(max=len(task) - 1)
    ranked = task.rows[true] == wanted
    ranks = torch.full((len(wanted),), torch.nan, dtype=torch.float64)
    if bool(ranked.any()):
        anchors = embedding_set.modalities[task.query][wanted[ranked]]
        ranks[ranked] = rank_true_items(
            task.measure, anchors, task.others, true[ranked], device=task.device, progress=progress
        ).ranks()
    return ranks, len(task)


def _statistic(metric: str) -> Any:
    return np.median if metric == "median_rank" else np.mean
