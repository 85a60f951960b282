"""Tables and JSON, as the commands print them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

NUMERIC = frozenset("0123456789.,-+[]% einf")


def print_json(content: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


def table(rows: Sequence[Mapping[str, str]], *, markdown: bool = False) -> str:
    """Return rows as an aligned table, numbers to the right; the keys of the first are the header.

    Args:
        rows: one mapping of column to text a row, all with the same keys.
        markdown: with pipes, as Markdown wants it.
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
