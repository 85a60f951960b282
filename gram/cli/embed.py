"""`python -m gram embed`: embed the built-in items with a trained model."""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from gram.cli._arguments import BUILT_IN, positive


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its arguments."""
    parser = subparsers.add_parser(
        "embed",
        help="embed the built-in items with a trained model",
        description=(
            "Render built-in items, encode them, and save the embedding set. Beyond the 2,000 numbers of a split, "
            "numbers come again in other handwriting, voices and noise, with ids such as 4721-2. Stopped, the same "
            "command goes on where it was. Example: gram embed --items 100000 --out big"
        ),
    )
    parser.add_argument("--model", type=Path, help="folder of a trained model (default: the built-in gram model)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the embedding set to")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: %(default)s")
    parser.add_argument("--items", type=positive, help="how many items (default: each number of the split once)")
    parser.add_argument("--seed", type=int, default=0, help="draws the items beyond the first round")
    parser.add_argument("--float16", action="store_true", help="store half-precision numbers")
    parser.add_argument("--processes", type=positive, help="how many render at once (default: one a core)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Embed, save, and print where it went; return the exit status."""
    from gram.models import load_model
    from gram.numbers import SPLITS
    from gram.training import embed_many

    if args.model is None and not (BUILT_IN / "model").is_dir():
        args.parser.error("--model is needed: the built-in model is not here")
    model = load_model(args.model or BUILT_IN / "model", device=args.device)
    count = args.items or SPLITS[args.split]
    with tqdm(total=count, desc="embedding", unit="item", dynamic_ncols=True) as bar:
        embedded = embed_many(
            model,
            count,
            args.out,
            split=args.split,
            seed=args.seed,
            half=args.float16,
            info={"model": str(model.info.get("loss", "unknown"))},
            processes=args.processes,
            progress=lambda done, whole: bar.update(done - bar.n),
        )
    found = {"out": str(args.out), "items": len(embedded), "modalities": list(embedded.modalities)}
    print(json.dumps(found) if args.json else f"{len(embedded):,} items in {args.out}")
    return 0
