"""All benchmarks, one after the other, and what each measured beside its aim, in one table.

Each runs in a process of its own and prints its own table as it goes (on standard error); this table follows. One that
fails is a row that says so, and the exit status is then 1, as it is with --strict where an aim is missed.

    python benchmarks/all.py [--only search growth] [--readme] [--strict]

--readme writes the table into the project's README, between <!-- benchmarks: begin --> and <!-- benchmarks: end -->.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from _rows import FLAG, Row, read

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gram.training.spoken_numbers.report import splice

ROOT = Path(__file__).resolve().parents[1]
# In the order they are run; each takes FLAG, see `_rows`. `pages` needs Chromium.
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "search": (),
    "pairwise_volume": (),
    "growth": (),
    "ask": (),
    "align": (),
    "planted_faults": (),
    "two_processes": (),
    "projection": (),
    "pages": (),
}
FAILED = "failed"


def run(name: str, given: Sequence[str]) -> list[Row]:
    """Return the rows of one benchmark."""
    print(f"\n{name}", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *given, FLAG]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    rows = read(done.stdout)
    if done.returncode or not rows:
        rows.append(Row(f"{FAILED}: exit status {done.returncode}", "-"))
    return rows


def table(found: dict[str, list[Row]]) -> str:
    """Return all rows as a Markdown table."""
    return "\n".join(["| benchmark | what | measured | aim | met |", "|---|---|---|---|---|", *_lines(found)])


def _lines(found: dict[str, list[Row]]) -> Iterator[str]:
    for name, rows in found.items():
        for row in rows:
            cells = (f"`{name}`", row.what, row.measured, row.aim, {True: "yes", False: "**no**", None: ""}[row.met])
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS), help="which to run")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where an aim is missed")
    options = parser.parse_args()
    found = {name: run(name, BENCHMARKS[name]) for name in options.only}
    print(table(found))
    if options.readme:
        readme = ROOT / "README.md"
        readme.write_text(splice(readme.read_text(), table(found), mark="benchmarks"))
    rows = [row for each in found.values() for row in each]
    failed = any(row.what.startswith(FAILED) for row in rows)
    return int(failed or (options.strict and any(row.met is False for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
