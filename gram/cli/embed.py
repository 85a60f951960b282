"""`python -m gram embed`: embed the built-in items with a trained model."""

import argparse
import json
from pathlib import Path

from tqdm import tqdm


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its arguments."""
    parser = subparsers.add_parser(
        "embed",
        help="embed the built-in items with a trained model",
        description="Render the built-in validation or test items, encode them, and save the embedding set.",
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the embedding set to")
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: %(default)s")
    parser.add_argument("--items", type=int, help="embed only the first so many items")
    parser.add_argument("--float16", action="store_true", help="store half-precision numbers")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Embed, save, and print where it went; return the exit status."""
    from gram.models import load_model
    from gram.training import embed_items, half_precision, split_items

    model = load_model(args.model, device=args.device)
    items = split_items(args.split).iloc[: args.items]
    with tqdm(total=len(items), desc="embedding", unit="item", dynamic_ncols=True) as bar:
        embedded = embed_items(
            model,
            items,
            info={"model": str(model.info.get("loss", "unknown"))},
            progress=lambda done, whole: bar.update(done - bar.n),
        )
    (half_precision(embedded) if args.float16 else embedded).save(args.out)
    found = {"out": str(args.out), "items": len(items), "modalities": list(embedded.modalities)}
    print(json.dumps(found) if args.json else f"{len(items)} items in {args.out}")
    return 0
