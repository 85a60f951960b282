"""`python -m gram evaluate`: how well items find each other in a set, by one measure or several."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gram.cli.arguments import add_measure, add_task, asked_candidates, usage_errors
from gram.cli.output import print_json, table

if TYPE_CHECKING:
    from gram.retrieval.evaluate import RetrievalReport

ORDER = 50
HELP = "measure retrieval in embedding sets"
DESCRIPTION = (
    "Rank every item's candidates for every query; print recall and ranks with 95 % intervals. "
    "Ties count as what breaking them at random gives on average. Example: "
    "gram evaluate assets/numbers/gram/test --measure volume,cosine --direction both"
)

DIRECTIONS = ("query-to-candidates", "candidates-to-query")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET", help="folder of an embedding set")
    add_task(parser)
    add_measure(parser, several=True)
    parser.add_argument(
        "--direction", choices=(*DIRECTIONS, "both"), default=DIRECTIONS[0], help="who asks (default: %(default)s)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the reports as JSON")
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")


def run(args: argparse.Namespace) -> int:
    """Evaluate each set by each measure in each direction, print, and return the exit status."""
    reports = _reports(args)
    if args.json:
        print_json({"reports": [{"set": str(path), **report.to_dict()} for path, report in reports]})
        return 0
    if not args.markdown:
        for path in args.sets:
            report = next(report for of, report in reports if of == path)
            left_out = f", {report.left_out:,} left out" if report.left_out else ""
            print(f"{path}: {report.query} and {' + '.join(report.candidates)}, {report.n:,} items{left_out}")
        print()
    many = len(args.sets) > 1
    print(table([_row(path, report, many) for path, report in reports], markdown=args.markdown))
    cautions = {(path if many else None, report.caution): None for path, report in reports if report.caution}
    for path, caution in cautions:  # a table in Markdown stays alone on standard output
        line = f"{path}: {caution}" if path else caution
        print(line if args.markdown else f"\n{line}", file=sys.stderr if args.markdown else sys.stdout)
    return 0


def _reports(args: argparse.Namespace) -> list[tuple[Path, "RetrievalReport"]]:
    from gram import measures
    from gram.core.device import select_device
    from gram.data.embedding_set import EmbeddingSet
    from gram.retrieval.evaluate import evaluate
    from gram.retrieval.task import check_candidates

    with usage_errors(args):
        select_device(args.device)
        for measure in args.measure:
            measures.get(measure)
    directions = [direction for direction in DIRECTIONS if args.direction in (direction, "both")]
    tasks = []
    for path in args.sets:
        embedded = EmbeddingSet.load(path)
        query, candidates = asked_candidates(args, embedded)
        with usage_errors(args):
            for measure in args.measure:
                check_candidates(embedded, candidates, query=query, measure=measure)
        tasks.append((path, embedded, query, candidates))
    return [
        (path, evaluate(embedded, query, candidates, measure, direction, device=args.device))
        for path, embedded, query, candidates in tasks
        for measure in args.measure
        for direction in directions
    ]


def _row(path: Path, report: "RetrievalReport", many: bool) -> dict[str, str]:
    query, candidates = report.query, " + ".join(report.candidates)
    if report.direction == "candidates-to-query":
        query, candidates = candidates, query
    row = {"set": str(path)} if many else {}
    row |= {"measure": report.measure, "direction": f"{query} -> {candidates}"}
    for metric in ("R@1", "R@5", "R@10", "mrr"):
        low, high = report.interval(metric)
        row[metric.replace("mrr", "MRR")] = f"{report.value(metric):.3f} [{low:.3f}, {high:.3f}]"
    low, high = report.interval("median_rank")
    return row | {
        "median rank": f"{report.median_rank:.3g} [{low:.3g}, {high:.3g}]",
        "mean rank": f"{report.mean_rank:.3g}",
    }
