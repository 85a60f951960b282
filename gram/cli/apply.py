"""`python -m gram apply`: take new features through saved heads."""

import argparse
from pathlib import Path

from gram.cli.features import add_features, load_features
from gram.cli.output import print_json

ORDER = 40
HELP = "take new features through saved heads"
DESCRIPTION = (
    "Take features of the encoders that heads were trained on into the heads' space, and save the embedding "
    "set. Example: gram apply aligned/gram/model new.npz --out new"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("heads", type=Path, metavar="HEADS", help="folder of heads that `align` saved")
    add_features(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the embedding set to")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Apply, save, print what was written, and return the exit status."""
    from gram.models.checkpoint import load_heads

    heads = load_heads(args.heads, device=args.device)
    embedded = heads.apply_to(load_features(args.set))
    embedded.save(args.out)
    if args.json:
        print_json({"out": str(args.out), "items": len(embedded), "modalities": embedded.names, "d": embedded.d})
        return 0
    print(f"{len(embedded):,} items, {', '.join(embedded.names)}, d = {embedded.d}, in {args.out}")
    return 0
