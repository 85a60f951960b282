"""What every benchmark offers beside its own table: rows of what was measured, its aim, and whether it was met.

`python benchmarks/NAME.py --json` prints each as a line of JSON on standard output, and its own table on standard
error; `benchmarks/all.py` collects them.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

FLAG = "--json"


@dataclass(frozen=True)
class Row:
    """One thing that a benchmark measured."""

    what: str
    measured: str
    aim: str = ""
    met: bool | None = None  # None where there is no aim


def tell(measure: Callable[[], Iterable[Row]], as_json: bool) -> list[Row]:
    """Carry out a benchmark that prints its table, and print its rows as JSON where those are asked for."""
    if not as_json:
        return list(measure())
    with contextlib.redirect_stdout(sys.stderr):
        rows = list(measure())
    for row in rows:
        print(json.dumps(asdict(row)), flush=True)
    return rows


def read(text: str) -> list[Row]:
    """Return the rows that `tell` printed, other lines aside."""
    return [Row(**json.loads(line)) for line in text.splitlines() if line.startswith('{"what"')]
