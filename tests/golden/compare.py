"""Golden values as files: how they are written, and how new ones are held against them."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "values"
_DIGITS = 9  # significant ones that a file keeps: a thousand times finer than the tolerance
_WIDTH = 110


class Tolerance(NamedTuple):
    """How far a float may be from the golden one: `relative` of its size, or `absolute` where it is near 0."""

    relative: float = 1e-6
    absolute: float = 1e-9


def plain(value: Any) -> Any:
    """Return a value as JSON keeps it: floats rounded, NaN as None, infinities as text.

    Raises:
        TypeError: the value is of a kind that `compute` should have turned into numbers or text.
    """
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if type(value) is float:
        if math.isfinite(value):
            return float(f"{value:.{_DIGITS}g}")
        return None if math.isnan(value) else str(value)
    if value is None or type(value) in (bool, int, str):
        return value
    raise TypeError(f"{type(value)} is neither a number nor text: {value!r}")


def text_of(value: Any, indent: str = "") -> str:
    """Return a plain value as JSON: short lists and mappings on one line, so that a change shows as few lines."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + len(line) <= _WIDTH:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {text_of(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(inner + row for row in rows) + f"\n{indent}}}"
    if all(not isinstance(each, dict | list) for each in value):
        return "[\n" + ",\n".join(inner + row for row in _wrapped(value)) + f"\n{indent}]"
    return "[\n" + ",\n".join(inner + text_of(each, inner) for each in value) + f"\n{indent}]"


def _wrapped(values: list[Any]) -> Iterator[str]:
    row = ""
    for each in (json.dumps(value, ensure_ascii=False) for value in values):
        if row and len(row) + len(each) > _WIDTH:
            yield row
            row = ""
        row = f"{row}, {each}" if row else each
    yield row


def file_of(subject: str) -> Path:
    """Return where the golden values of a subject are."""
    return FOLDER / f"{subject}.json"


def differences(golden: Any, now: Any, tolerance: Tolerance, at: str = "") -> Iterator[str]:
    """Yield a line for each place in which two plain values differ: floats by a tolerance, all else exactly."""
    if isinstance(golden, dict) and isinstance(now, dict):
        if golden.keys() != now.keys():
            yield f"{at}: keys {sorted(golden)}, now {sorted(now)}"
        for key in (key for key in golden if key in now):
            yield from differences(golden[key], now[key], tolerance, f"{at}/{key}")
    elif isinstance(golden, list) and isinstance(now, list):
        if len(golden) != len(now):
            yield f"{at}: {len(golden)} values, now {len(now)}"
        for place, (one, other) in enumerate(zip(golden, now, strict=False)):
            yield from differences(one, other, tolerance, f"{at}[{place}]")
    elif type(golden) is float and type(now) is float:
        if not math.isclose(golden, now, rel_tol=tolerance.relative, abs_tol=tolerance.absolute):
            yield f"{at}: {golden!r}, now {now!r}"
    elif type(golden) is not type(now) or golden != now:
        yield f"{at}: {golden!r}, now {now!r}"
