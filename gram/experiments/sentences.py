"""How findings say numbers: shares, points and what an interval allows to be said."""

import math
from collections.abc import Sequence

import pandas as pd


def share(row: pd.Series) -> str:
    """Return a share with its interval: "81.2 % (79.0 to 83.4)"."""
    return f"{100 * row['value']:.1f} %{_ends(row, '.1f')}"


def points(row: pd.Series) -> str:
    """Return a difference of shares with its interval, in points: "-12.3 points (-14.0 to -10.6)"."""
    return f"{100 * row['value']:+.1f} points{_ends(row, '+.1f')}"


def number(row: pd.Series, form: str = ".2f") -> str:
    """Return a number with its interval: "0.83 (0.71 to 0.90)"."""
    return f"{row['value']:{form}}" + _ends(row, form, scale=1.0)


def rate(row: pd.Series) -> str:
    """Return a share alone: "81.2 %"."""
    return f"{100 * row['value']:.1f} %"


def moved(row: pd.Series) -> str:
    """Return a difference of shares alone, in points: "-12.3"."""
    return f"{100 * row['value']:+.1f}"


def _ends(row: pd.Series, form: str, scale: float = 100.0) -> str:
    if math.isnan(row["low"]):
        return ""
    return f" ({scale * row['low']:{form}} to {scale * row['high']:{form}})"


def apart(one: pd.Series, other: pd.Series) -> int:
    """Return 1 where one value is larger and the intervals do not meet, -1 where smaller, else 0."""
    if any(math.isnan(row["low"]) for row in (one, other)):
        return 0
    if one["low"] > other["high"]:
        return 1
    return -1 if one["high"] < other["low"] else 0


def sign(row: pd.Series) -> int:
    """Return 1 where a difference's whole interval is above 0, -1 where below, else 0."""
    if math.isnan(row["low"]):
        return 0
    return int(row["low"] > 0) - int(row["high"] < 0)


def verdict(first: str, one: pd.Series, second: str, other: pd.Series) -> str:
    """Return who is ahead, or that the intervals do not tell them apart."""
    return {
        1: f"{first} is ahead", -1: f"{second} is ahead", 0: "the intervals do not tell them apart",
    }[apart(one, other)]  # fmt: skip


def leader(gram: pd.Series, cosine: pd.Series) -> str:
    """Return which of the two losses is ahead, in two or three words, by their intervals."""
    return {1: "GRAM ahead", -1: "cosine ahead", 0: "not told apart"}[apart(gram, cosine)]


def listed(parts: Sequence[str]) -> str:
    """Return parts as a person lists them: "a, b and c"; "none" for no parts."""
    if not parts:
        return "none"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
