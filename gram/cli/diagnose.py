"""`python -m gram diagnose`: what is wrong with an embedding set, worst first."""

import argparse
import sys
from pathlib import Path

from gram.cli._arguments import Subparsers, add_task, asked_candidates, positive, usage_errors
from gram.cli._output import print_json


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its arguments."""
    parser = subparsers.add_parser(
        "diagnose",
        help="say what is wrong with an embedding set, worst first",
        description=(
            "Look for hubs, opposite signs, collapse, noise, swapped and duplicate rows and more; print what is wrong, "
            "worst first, then what was looked at and is in order. Example: gram diagnose assets/numbers/gram/test"
        ),
    )
    parser.add_argument("set", type=Path, metavar="SET", help="folder of the embedding set")
    add_task(parser)
    parser.add_argument("--measure", default="volume", metavar="NAME", help="what ranks (default: %(default)s)")
    parser.add_argument(
        "--sample",
        type=positive,
        default=2000,
        metavar="N",
        help="of more items than this, so many are drawn to be ranked among each other (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


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
    diagnosis = diagnose(
        embedded, query, candidates, args.measure, sample=args.sample, seed=args.seed, device=args.device,
        progress=_tell if sys.stderr.isatty() else None,
    )  # fmt: skip
    if args.json:
        print_json({**diagnosis.to_dict(), "set": str(args.set)})
    else:
        print(f"{args.set}: {diagnosis}")
    return 0


def _tell(share: float, stage: str) -> None:
    """Say on one line what is looked at; the last one is wiped."""
    print(f"\r\033[K{share:4.0%} {stage}" if share < 1 else "\r\033[K", end="", file=sys.stderr, flush=True)
