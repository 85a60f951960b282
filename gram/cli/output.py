"""What commands print: tables and JSON on stdout, progress on stderr."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gram.core.progress import Progress

NUMERIC = frozenset("0123456789.,-+[]% einf")


def print_json(content: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def table(rows: Sequence[Mapping[str, str]], *, markdown: bool = False) -> str:
    """Return rows as an aligned table, numbers to the right; the keys of the first are the header.

    Args:
        rows: one mapping of column to text a row, all with the same keys.
        markdown: as a Markdown table, with pipes.
    """
    columns = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in columns}
    right = {name for name in columns if all(set(row[name]) <= NUMERIC for row in rows)}

    def line(cells: Mapping[str, str]) -> str:
        padded = [
            cells[name].rjust(widths[name]) if name in right else cells[name].ljust(widths[name]) for name in columns
        ]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    lines = [line({name: name for name in columns}), *map(line, rows)]
    if markdown:
        rules = ["-" * (widths[name] - 1) + (":" if name in right else "-") for name in columns]
        lines.insert(1, f"| {' | '.join(rules)} |")
    return "\n".join(lines)


@contextmanager
def progress_bar(title: str, *, only_on_terminal: bool = False) -> Iterator[Progress]:
    """Yield a callback that draws progress as a bar on stderr: the share, time gone and left, the stage.

    The time left is reckoned from the first report on: what was there before it counts in no rate.

    Args:
        title: what is being done.
        only_on_terminal: draw nothing where stderr is no terminal, and wipe the bar at the end.
    """
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left{postfix}"
    hidden = only_on_terminal and not sys.stderr.isatty()
    with tqdm(
        total=1.0, desc=title, bar_format=form, dynamic_ncols=True, leave=not only_on_terminal, disable=hidden
    ) as bar:
        reported = False

        def report(share: float, stage: str = "", /) -> None:
            nonlocal reported
            if not reported:
                reported = True
                bar.reset()
                bar.initial = bar.n = share
            bar.set_postfix_str(stage, refresh=False)
            bar.update(share - bar.n)

        yield report
