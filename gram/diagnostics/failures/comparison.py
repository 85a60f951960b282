"""Two rankings of the same items: which items each gets right, and whether the difference is significant."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd
from scipy.stats import binomtest

from gram.diagnostics.failures.cases import Cases
from gram.errors import EmbeddingSetError

CELLS = ("both right", "only left", "only right", "both wrong")


class Proportion(NamedTuple):
    """A proportion and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class RankingComparison:
    """Two rankings of the same items as a 2 x 2 table of right and wrong.

    Attributes:
        n: how many items both ranked.
        left_out: how many only one of the two ranked.
        ids: cell -> the ids of its items, in the order of the left table; cells as in `CELLS`.
        shares: cell -> its share of the items, with Wilson's interval.
        p_value: of McNemar's exact test on cells "only left" and "only right"; 1 where both are empty.
        left: proportion that the left ranking gets right, with Wilson's interval.
        right: that of the right one.
        difference: left minus right, with its interval for paired shares.
    """

    n: int
    left_out: int
    ids: dict[str, tuple[str, ...]] = field(repr=False)
    shares: dict[str, Proportion]
    p_value: float
    left: Proportion
    right: Proportion
    difference: Proportion

    @property
    def counts(self) -> dict[str, int]:
        """How many items each cell has."""
        return {cell: len(ids) for cell, ids in self.ids.items()}


def compare_outcomes(left: Cases, right: Cases) -> RankingComparison:
    """Return which items two rankings get right, over the items that both ranked.

    An item is right if it is first with no tie. McNemar's exact test takes the b items that only the left ranking gets
    right and the c items that only the right one does, and tests b against Binomial(b + c, 1/2), two-sided. The
    interval of the difference (b - c) / n is Newcombe's for paired shares, made of the Wilson intervals of both; it
    stays within [-1, 1] and has width where b = c = 0.

    Args:
        left: cases of one model or measure.
        right: cases of another, on items with the same ids.

    Raises:
        EmbeddingSetError: no item is in both.

    Source: Q. McNemar, Psychometrika 12 (1947); R. G. Newcombe, Statistics in Medicine 17, 2635 (1998), method 10.
    """
    sides = {"left": left, "right": right}
    both = pd.concat({name: each.table.set_index("id")["right"] for name, each in sides.items()}, axis=1, join="inner")
    n = len(both)
    if not n:
        raise EmbeddingSetError("no item is ranked on both sides; compare rankings of the same items")
    cells = {
        "both right": both["left"] & both["right"],
        "only left": both["left"] & ~both["right"],
        "only right": ~both["left"] & both["right"],
        "both wrong": ~both["left"] & ~both["right"],
    }
    ids = {cell: tuple(both.index[mask].astype(str)) for cell, mask in cells.items()}
    counts = {cell: len(each) for cell, each in ids.items()}
    only_left, only_right = counts["only left"], counts["only right"]
    apart = only_left + only_right
    return RankingComparison(
        n=n, left_out=len(left) + len(right) - 2 * n, ids=ids,
        shares={cell: wilson(count, n) for cell, count in counts.items()},
        p_value=float(binomtest(only_left, apart).pvalue) if apart else 1.0,
        left=wilson(counts["both right"] + only_left, n), right=wilson(counts["both right"] + only_right, n),
        difference=_newcombe(counts),
    )  # fmt: skip


def wilson(count: int, n: int) -> Proportion:
    """Return a proportion with Wilson's 95 % interval; NaN where n is 0.

    Source: E. B. Wilson, Journal of the American Statistical Association 22, 209 (1927).
    """
    if not n:
        return Proportion(math.nan, math.nan, math.nan)
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return Proportion(count / n, float(interval.low), float(interval.high))


def _newcombe(counts: dict[str, int]) -> Proportion:
    """Return left minus right with Newcombe's interval, method 10: with continuity-corrected phi.

    Source: R. G. Newcombe, Statistics in Medicine 17, 2635 (1998).
    """
    a, b, c, d = (counts[cell] for cell in CELLS)
    n = a + b + c + d
    left, right = wilson(a + b, n), wilson(a + c, n)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    cross: float = a * d - b * c
    cross = max(cross - n / 2, 0) if cross > 0 else cross
    phi = cross / math.sqrt(margins) if margins else 0.0
    difference = (b - c) / n

    def reach(out_left: float, out_right: float) -> float:
        return math.sqrt(max(0.0, out_left**2 - 2 * phi * out_left * out_right + out_right**2))

    low = difference - reach(left.value - left.low, right.high - right.value)
    high = difference + reach(left.high - left.value, right.value - right.low)
    return Proportion(difference, max(-1.0, low), min(1.0, high))
