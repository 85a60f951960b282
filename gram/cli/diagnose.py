"""`python -m gram diagnose`: what is wrong with an embedding set, worst first."""

import argparse
from pathlib import Path

from gram.cli.arguments import add_measure, add_task, asked_candidates, positive, usage_errors
from gram.cli.output import print_json, progress_bar

ORDER = 80
HELP = "say what is wrong with an embedding set, worst first"
DESCRIPTION = (
    "Look for hubs, opposite signs, collapse, noise, swapped and duplicate rows and more; print what is wrong, "
    "worst first, then what was looked at and is in order. Example: gram diagnose assets/numbers/gram/test"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("set", type=Path, metavar="SET", help="folder of the embedding set")
    add_task(parser)
    add_measure(parser)
    parser.add_argument(
        "--sample",
        type=positive,
        default=2000,
        metavar="N",
        help="of more items than this, so many are drawn to be ranked among each other (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Diagnose the set, print the findings, and return the exit status: 0 whether there are any or not."""
    from gram.core.device import select_device
    from gram.data.embedding_set import EmbeddingSet
    from gram.diagnostics import diagnose
    from gram.retrieval.task import check_candidates

    embedded = EmbeddingSet.load(args.set)
    query, candidates = asked_candidates(args, embedded)
    with usage_errors(args):
        select_device(args.device)
        check_candidates(embedded, candidates, query=query, measure=args.measure)
        if args.sample < 2:
            raise ValueError(f"argument --sample: expected at least 2 items, got {args.sample}")
        if args.seed < 0:
            raise ValueError(f"argument --seed: expected 0 or more, got {args.seed}")
    with progress_bar("diagnosing", only_on_terminal=True) as progress:
        diagnosis = diagnose(
            embedded, query, candidates, args.measure, sample=args.sample, seed=args.seed, device=args.device,
            progress=progress,
        )  # fmt: skip
    if args.json:
        print_json({**diagnosis.to_dict(), "set": str(args.set)})
    else:
        print(f"{args.set}: {diagnosis}")
    return 0
