"""`python -m gram experiment`: train and measure what the evidence rests on."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gram.cli.arguments import LazyChoices, positive, usage_errors
from gram.cli.output import print_json, progress_bar, table
from gram.core.declarations import declared_names

if TYPE_CHECKING:
    from gram.experiments import Budget, Workspace

ORDER = 110
HELP = "train and measure what the evidence rests on"
DESCRIPTION = (
    "Carry out one experiment, or all: train its runs on the spoken numbers, measure them on the test items, "
    "write OUT/NAME.parquet and print the finding. Finished runs are kept: stopped with Ctrl-C, the same call "
    "goes on with the rest, and experiments share runs. Example: gram experiment losses-and-measures --quick"
)
ALL = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    choices = LazyChoices(lambda: [*declared_names("gram.experiments", marker="CLAIM"), ALL])  # without torch
    parser.add_argument("name", choices=choices, metavar="NAME", help="%(choices)s")
    parser.add_argument("--quick", action="store_true", help="a small model and few items: that it works, no evidence")
    parser.add_argument("--full", action="store_true", help="the shipped model's size, as on a GPU, on any device")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the results (default: assets/evidence)")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder of the runs (default: in the cache)")
    parser.add_argument("--seeds", type=positive, metavar="N", help="seeds of every run (default: the scale's)")
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="runs trained at once (default: a core each, 1 on a GPU)"
    )
    parser.add_argument("--plan", action="store_true", help="print the runs and how long they take; train nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Carry out the experiments, print what they found, and return the exit status."""
    from gram.core.device import select_device
    from gram.experiments import BUDGETS, EVIDENCE, EXPERIMENTS, Workspace, run_experiment
    from gram.experiments.outcomes import runs_folder
    from gram.experiments.results import plain_rows, quick_folder

    with usage_errors(args):
        if args.quick and args.full:
            raise ValueError("argument --full: not allowed with --quick")
        device = select_device(args.device).type
    size = "quick" if args.quick else "full" if args.full or device == "cuda" else "cpu"
    budget = BUDGETS[size].with_seeds(args.seeds)
    workers = args.workers or (1 if device == "cuda" or args.quick else os.cpu_count() or 1)
    workspace = Workspace(args.runs or runs_folder(), device, workers)
    names = EXPERIMENTS.names() if args.name == ALL else [args.name]
    if args.plan:
        return _plan(names, budget, workspace, as_json=args.json)
    out = args.out or (quick_folder() if args.quick else EVIDENCE)
    command = ["python", "-m", "gram", *sys.argv[1:]]
    results = []
    for name in names:
        with progress_bar(name) as progress:
            frame, file = run_experiment(name, budget, workspace, out, progress=progress, command=command)
        experiment = EXPERIMENTS.get(name)
        finding = experiment.finding(frame)
        results.append({"experiment": name, "file": str(file), "finding": finding, "rows": plain_rows(frame)})
        if not args.json:
            print(f"{name}: {experiment.headline(frame)}\n  {finding}\n  {file}", flush=True)
    if args.json:
        print_json(results)
    return 0


def _plan(names: Sequence[str], budget: "Budget", workspace: "Workspace", *, as_json: bool) -> int:
    """Print what would be trained, and how long it would take."""
    from gram.experiments import expected_seconds, outstanding, planned

    runs = planned(names, budget)
    left = set(outstanding(runs, budget, workspace.folder))
    rows = [
        {"run": str(run), "key": run.key(budget), "seconds": round(run.seconds(budget)), "kept": run not in left}
        for run in runs
    ]
    seconds = expected_seconds(runs, budget, workspace) + len(names) * budget.overhead
    if as_json:
        print_json({"scale": budget.name, "workers": workspace.workers, "seconds": round(seconds), "runs": rows})
        return 0
    if rows:
        texts = [{name: str(value) for name, value in row.items()} for row in rows]
        print(table([{**text, "kept": "yes" if row["kept"] else "no"} for text, row in zip(texts, rows)]))
    print(
        f"{len(runs)} runs at the scale {budget.name}, {len(left)} of them to be trained by {workspace.workers} "
        f"at once: about {max(1, round(seconds / 60))} minutes"
    )
    return 0
