"""Tidy tables of experiments: values by seed, and their means over seeds, with 95 % intervals.

A table has a row for each value of each seed, then a row for each value over all seeds. Key columns (loss, measure,
...) set rows apart. The columns that all tables share:

- `metric`: the name of the value, such as "R@1" (a share from 0 to 1).
- `value`, `low`, `high`: the value and its 95 % interval.
- `interval`: what the interval is over. "items": percentile bootstrap over the test items of one seed (Efron and
  Tibshirani 1993, section 13.3). "seeds": Student's t over the seeds, from three seeds on, cut off at 0 and 1
  where the metric is one of SHARES. "items of all seeds": with one or two seeds, bootstrap over the items of the mean
  over seeds. "runs": bootstrap over whole runs. "" where there is none; low and high are then NaN.
- `seed`: -1 for all seeds together; `seeds`: how many.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import stats

from gram.data.embedding_set import EmbeddingSet
from gram.experiments.config import COMPARED
from gram.experiments.outcomes import Outcome
from gram.losses import MEASURES
from gram.retrieval.evaluate import evaluate

ALL_SEEDS = -1
COMMON = ("metric", "value", "low", "high", "interval", "seed", "seeds")
SHARES = (
    "R@1", "R@1 by volume", "R@1 without it", "R@1 image to tones", "hit", "AUC", "chance", "probe accuracy",
    "volume AUC", "hub share",
)  # fmt: skip
RESAMPLES, LEVEL = 1000, 0.95
ENOUGH_SEEDS = 3
_NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Observation:
    """One value of one seed.

    Attributes:
        keys: key column -> value, without the seed.
        metric: its name.
        seed: of the run.
        items: (n,) contribution of each test item: the value is their mean, NaN left out; None where it is no mean.
        given: the value, where it is no mean of items.
    """

    keys: Mapping[str, Any]
    metric: str
    seed: int
    items: Float[np.ndarray, " n"] | None = field(default=None, repr=False)
    given: float = _NAN

    @property
    def value(self) -> float:
        """The value."""
        return self.given if self.items is None else float(np.nanmean(self.items))


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return mean -/+ t s / sqrt(n), Student's 95 % interval of the mean of n values; NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return _NAN, _NAN
    mean, reach = float(np.mean(values)), float(stats.t.ppf(0.5 + LEVEL / 2, n - 1) * np.std(values, ddof=1) / n**0.5)
    return mean - reach, mean + reach


def bootstrap_interval(items: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of items, NaN left out; the same draws for equal n."""
    there = items[~np.isnan(items)]
    if not len(there):
        return _NAN, _NAN
    means = _draws(len(there)) @ there.astype(np.float64) / len(there)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _draws(n: int) -> Float[np.ndarray, "resamples n"]:
    """Return how often each of n items is drawn, in each of the resamples."""
    rng = np.random.default_rng(0)
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


def tabulate(observations: Iterable[Observation]) -> pd.DataFrame:
    """Return the table of an experiment: a row for each observation, then a row for all seeds of each.

    Rows for all seeds are in the order in which their first seed came.
    """
    groups: dict[tuple[Any, ...], list[Observation]] = {}
    rows: list[dict[str, Any]] = []
    for each in observations:
        groups.setdefault((*each.keys.items(), each.metric), []).append(each)
        low, high = (_NAN, _NAN) if each.items is None else bootstrap_interval(each.items)
        rows.append(
            {**each.keys, "metric": each.metric, "value": each.value, "low": low, "high": high,
             "interval": "" if np.isnan(low) else "items", "seed": each.seed, "seeds": 1}
        )  # fmt: skip
    rows += [_over_seeds(group) for group in groups.values()]
    return with_common_last(pd.DataFrame(rows))


def tabulated(
    observations: Callable[[Iterable[Outcome]], Iterator[Observation]],
) -> Callable[[Iterable[Outcome]], pd.DataFrame]:
    """Make the `table` of an experiment of a generator of its observations: a decorator."""

    @wraps(observations)
    def table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
        return tabulate(observations(outcomes))

    return table


def with_common_last(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its key columns first, and those that all tables share last."""
    return frame[[*(name for name in frame.columns if name not in COMMON), *COMMON]]


def _over_seeds(group: Sequence[Observation]) -> dict[str, Any]:
    values = [each.value for each in group]
    row = {**group[0].keys, "metric": group[0].metric, "value": float(np.mean(values)), "seed": ALL_SEEDS}
    items = [each.items for each in group if each.items is not None]
    ends, over = (_NAN, _NAN), ""
    if len(group) >= ENOUGH_SEEDS:
        low, high = t_interval(values)
        ends, over = (max(low, 0.0), min(high, 1.0)) if row["metric"] in SHARES else (low, high), "seeds"
    elif len(items) == len(group) and len({len(each) for each in items}) == 1:
        ends, over = bootstrap_interval(np.mean(items, axis=0)), "items of all seeds"
    return {**row, "low": ends[0], "high": ends[1], "interval": over, "seeds": len(group)}


def recall_at_1(
    embedded: EmbeddingSet, candidates: Sequence[str], measure: str, *, keys: Mapping[str, Any], seed: int,
    query: str = "text", direction: str = "query-to-candidates", metric: str = "R@1",
) -> Observation:  # fmt: skip
    """Return R@1 of a retrieval task, with the contribution of each item; see `gram.evaluate`.

    All items must have the query and some candidate, so that observations of other measures and runs pair with it.
    """
    report = evaluate(embedded, query, candidates, measure, direction, device="cpu")
    return Observation(keys, metric, seed, items=report.per_item("R@1").double().numpy())


def difference(keys: Mapping[str, Any], metric: str, seed: int, one: Observation, other: Observation) -> Observation:
    """Return the difference of two observations of the same items, paired item by item where both have items."""
    if one.items is None or other.items is None:
        return Observation(keys, metric, seed, given=one.value - other.value)
    return Observation(keys, metric, seed, items=one.items - other.items)


def over_seeds(frame: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Return the rows over all seeds whose columns have the wanted values."""
    chosen = frame["seed"] == ALL_SEEDS
    for name, value in wanted.items():
        chosen &= frame[name] == value
    return frame[chosen]


def lowest(rows: pd.DataFrame) -> pd.Series:
    """Return the row with the lowest value."""
    return rows.sort_values("value", kind="stable").iloc[0]


def highest(rows: pd.DataFrame) -> pd.Series:
    """Return the row with the highest value."""
    return rows.sort_values("value", kind="stable").iloc[-1]


def single_row(frame: pd.DataFrame, **wanted: Any) -> pd.Series:
    """Return the single row over all seeds whose columns have the wanted values."""
    found = over_seeds(frame, **wanted)
    if len(found) != 1:
        raise ValueError(f"frame: expected one row with {wanted}, got {len(found)}")
    return found.iloc[0]


def both_losses(frame: pd.DataFrame, **wanted: Any) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the gram and of the cosine loss for all seeds, each by its own measure; see `single_row`."""
    if "measure" in frame.columns:
        frame = frame[frame["measure"] == frame["loss"].map(dict(MEASURES))]
    gram, cosine = (single_row(frame, loss=loss, **wanted) for loss in COMPARED)
    return gram, cosine
