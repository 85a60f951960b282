"""Failure rates by a recorded value, and which characters are confused."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike

from gram.diagnostics.failures.cases import Cases
from gram.diagnostics.failures.comparison import wilson

_FEW = 12  # a value with so few unlike ones has a bin for each


def failure_rate(cases_table: pd.DataFrame, values: ArrayLike, *, bins: int | Sequence[float] = 8) -> pd.DataFrame:
    """Return the failure rate by a recorded value, such as the strength of a corruption.

    Args:
        cases_table: the table of `find_cases`, or some of its rows.
        values: one number a row; rows of NaN are left out.
        bins: how many, of as equal a number of items as ties allow; or their edges, ascending: each bin has its lower
            edge in it and the last one its upper edge, too. Of at most 12 unlike values each has a bin of its own,
            unless edges are given.

    Returns:
        One row a bin: low and high (the least and largest value in it, or its edges where they are given), items,
        failures, rate, and rate_low and rate_high, Wilson's 95 % interval (see `comparison.wilson`);
        the rate of a bin without items, and its interval, is NaN.

    Raises:
        ValueError: another number of values than rows; values that are no numbers; fewer than 1 bin; edges that do not
            ascend, or fewer than 2.
    """
    numbers = _numbers(values, len(cases_table))
    known = np.isfinite(numbers)
    numbers, failed = numbers[known], ~cases_table["right"].to_numpy(dtype=bool)[known]
    rows = [
        {"low": low, "high": high, "items": int(inside.sum()), "failures": int(failed[inside].sum())}
        for low, high, inside in _bins(numbers, bins)
    ]
    table = pd.DataFrame(rows, columns=["low", "high", "items", "failures"])
    shares = [wilson(failures, items) for failures, items in zip(table["failures"], table["items"])]
    ends = zip(*shares) if shares else ((), (), ())
    return table.assign(**dict(zip(("rate", "rate_low", "rate_high"), map(list, ends))))


def confusions(cases: Cases | pd.DataFrame, labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return a confusion matrix of characters: labels of true items and of winners compared place by place.

    Only failures count, and of them those in which both labels are of equal length; on the diagonal are the places in
    which the two agree. Characters are those of these labels, sorted.

    Args:
        cases: cases, or some rows of their table.
        labels: id -> what to compare; the labels of the table if None. Cases with an id that it lacks are left out.

    Returns:
        Counts, with the true item's characters as rows and the winner's as columns; empty where nothing is counted.
    """
    table = cases.table if isinstance(cases, Cases) else cases
    failures = table[~table["right"].astype(bool)]
    if labels is None:
        pairs = [*zip(failures["label"].astype(str), failures["winner_label"].astype(str))]
    else:
        known = failures[failures["id"].isin(list(labels)) & failures["winner"].isin(list(labels))]
        pairs = [(str(labels[true]), str(labels[winner])) for true, winner in zip(known["id"], known["winner"])]
    counted = Counter(
        couple for true, winner in pairs if len(true) == len(winner) for couple in zip(true, winner, strict=True)
    )
    characters = sorted({character for couple in counted for character in couple})
    matrix = [[counted[true, winner] for winner in characters] for true in characters]
    shape = np.array(matrix, dtype=np.int64).reshape(len(characters), len(characters))
    return pd.DataFrame(shape, index=pd.Index(characters, name="true"), columns=pd.Index(characters, name="winner"))


def _numbers(values: ArrayLike, rows: int) -> Float[np.ndarray, " n"]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("values: expected numbers, got text or objects; give a number for each case") from None
    if numbers.shape != (rows,):
        raise ValueError(f"values: expected one number for each of {rows} cases, got shape {numbers.shape}")
    return numbers


def _bins(numbers: Float[np.ndarray, " n"], bins: int | Sequence[float]) -> list[tuple[float, float, np.ndarray]]:
    """Return the ends of each bin, and which numbers are in it."""
    if isinstance(bins, int):
        if bins < 1:
            raise ValueError(f"bins: expected at least 1, got {bins}")
        unlike = np.unique(numbers)
        edges = unlike if len(unlike) <= _FEW else np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)))[:-1]
        places = np.searchsorted(edges, numbers, side="right") - 1
        inside = [places == place for place in range(len(edges))]
        return [(float(numbers[each].min()), float(numbers[each].max()), each) for each in inside if each.any()]
    ends = np.asarray(bins, dtype=np.float64)
    if ends.ndim != 1 or len(ends) < 2 or not (np.diff(ends) > 0).all():
        raise ValueError(f"bins: expected at least 2 edges that ascend, got {list(bins)}")
    return [
        (low, high, (numbers >= low) & ((numbers < high) | ((numbers == high) & (high == ends[-1]))))
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist())
    ]
