"""How findings word numbers and what their intervals allow to be said."""

import math
from collections.abc import Sequence

import pandas as pd


def share(row: pd.Series) -> str:
    """Return a share with its interval: "81.2 % (79.0 to 83.4)"."""
    return f"{100 * row['value']:.1f} %{_interval(row, '.1f')}"


def points(row: pd.Series) -> str:
    """Return a difference of shares with its interval, in points: "-12.3 points (-14.0 to -10.6)"."""
    return f"{100 * row['value']:+.1f} points{_interval(row, '+.1f')}"


def number(row: pd.Series) -> str:
    """Return a number with its interval: "0.83 (0.71 to 0.90)"."""
    return f"{row['value']:.2f}" + _interval(row, ".2f", factor=1.0)


def rate(row: pd.Series) -> str:
    """Return a share alone: "81.2 %"."""
    return f"{100 * row['value']:.1f} %"


def moved(row: pd.Series) -> str:
    """Return a difference of shares alone, in points: "-12.3"."""
    return f"{100 * row['value']:+.1f}"


def _interval(row: pd.Series, form: str, factor: float = 100.0) -> str:
    if math.isnan(row["low"]):
        return ""
    return f" ({factor * row['low']:{form}} to {factor * row['high']:{form}})"


def sign(row: pd.Series) -> int:
    """Return 1 where a difference's whole interval is above 0, -1 where below, else 0."""
    return int(row["low"] > 0) - int(row["high"] < 0)


def order(one: pd.Series, other: pd.Series) -> int:
    """Return 1 where one value's interval lies above the other's, -1 where below, else 0."""
    return int(one["low"] > other["high"]) - int(one["high"] < other["low"])


def verdict(first: str, one: pd.Series, second: str, other: pd.Series) -> str:
    """Return who is ahead, or that the intervals do not tell them apart."""
    told = {1: f"{first} is ahead", -1: f"{second} is ahead", 0: "the intervals do not tell them apart"}
    return told[order(one, other)]


def leader(gram: pd.Series, cosine: pd.Series) -> str:
    """Return which of the two losses is ahead, in two or three words, by their intervals."""
    return {1: "GRAM ahead", -1: "cosine ahead", 0: "not told apart"}[order(gram, cosine)]


def listed(parts: Sequence[str]) -> str:
    """Return parts as a sentence lists them: "a, b and c"; "none" for no parts."""
    if not parts:
        return "none"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
