"""Retrieval metrics of every measure in each direction, as rows of a table; which rows lead, which of two is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError
from gram.retrieval.evaluate import DIRECTIONS, evaluate

METRICS = ("R@1", "R@5", "R@10", "median_rank")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure in one direction on one set.

    Attributes:
        measure: its name.
        direction: one of `gram.retrieval.evaluate.DIRECTIONS`.
        items: how many were ranked.
        left_out: how many were not, for they lack a modality.
        values: metric -> its value.
        intervals: metric -> the ends of its 95 % bootstrap interval.
        reason: why there are no values; empty where there are.
    """

    measure: str
    direction: str
    items: int = 0
    left_out: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reason: str = ""

    @property
    def task(self) -> tuple[str, str]:
        """The measure and the direction."""
        return self.measure, self.direction

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Return the row of which `dataclasses.asdict` made these facts, also by way of JSON.

        Raises:
            TypeError, ValueError, KeyError, AttributeError: it did not.
        """
        intervals = {metric: (float(low), float(high)) for metric, (low, high) in facts["intervals"].items()}
        values = {metric: float(value) for metric, value in facts["values"].items()}
        return cls(**{**facts, "values": values, "intervals": intervals})


def tasks(k: int) -> list[tuple[str, str]]:
    """Return each measure that is defined for k modalities with each direction, the quickest first."""
    by_cost = sorted(measures.names(k), key=lambda name: measures.get(name).relative_cost)
    return [(measure, direction) for measure in by_cost for direction in DIRECTIONS]


def measure_row(
    embedding_set: EmbeddingSet, query: str, candidates: Sequence[str], measure: str, direction: str, device: str
) -> Row:
    """Return what a measure gives in a direction; a row with the reason where no item can be ranked by it.

    Raises:
        ValueError: as `gram.evaluate`.
    """
    try:
        report = evaluate(embedding_set, query, candidates, measure, direction, device=device)
    except EmbeddingSetError as error:
        return Row(measure=measure, direction=direction, left_out=len(embedding_set), reason=str(error))
    return Row(
        measure=measure,
        direction=direction,
        items=report.n,
        left_out=report.left_out,
        values={metric: report.value(metric) for metric in METRICS},
        intervals={metric: report.interval(metric) for metric in METRICS},
    )


def leading(rows: Sequence[Row], metric: str) -> list[bool]:
    """Return which rows are the best by a metric, or have an interval that meets the best one's.

    Intervals that meet show no difference; nor do they show that none exists.
    """
    best = max((row for row in rows if metric in row.values), key=lambda row: _worth(row, metric), default=None)
    return [best is not None and metric in row.values and _meet(row, best, metric) for row in rows]


def against(row: Row, other: Row, metric: str) -> int:
    """Return 1 where a row is better than another by a metric, -1 where worse, 0 where their intervals meet."""
    if metric not in row.values or metric not in other.values or _meet(row, other, metric):
        return 0
    return 1 if _worth(row, metric) > _worth(other, metric) else -1


def table(rows: Mapping[str, Sequence[Row]]) -> pd.DataFrame:
    """Return the rows of several models as one data frame, with a column for each end of each interval."""
    return pd.DataFrame([{"model": model, **_flat(row)} for model, of_model in rows.items() for row in of_model])


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {"measure": row.measure, "direction": row.direction}
    flat |= {"items": row.items, "left_out": row.left_out}
    for metric in METRICS:
        low, high = row.intervals.get(metric, (None, None))
        flat |= {metric: row.values.get(metric), f"{metric}_low": low, f"{metric}_high": high}
    return flat | {"reason": row.reason}


def _worth(row: Row, metric: str) -> float:
    """Return the metric so that higher is better."""
    return -row.values[metric] if metric.endswith("rank") else row.values[metric]


def _meet(row: Row, other: Row, metric: str) -> bool:
    (low, high), (other_low, other_high) = row.intervals[metric], other.intervals[metric]
    return low <= other_high and other_low <= high
