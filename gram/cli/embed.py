"""`python -m gram embed`: embed the built-in items with a trained model, or a folder of media with encoders."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gram.cli.arguments import BUILT_IN, positive
from gram.cli.output import progress_bar

if TYPE_CHECKING:
    from gram.models.huggingface import Embedded

ORDER = 20
HELP = "embed the built-in items with a trained model, or a folder of media with encoders"
DESCRIPTION = (
    "Render built-in items, encode them, and save the embedding set. Beyond the 2,000 numbers of a split, "
    "numbers come again in other handwriting, voices and noise, with ids such as 4721-2. Stopped, the same "
    "command goes on where it was. Example: gram embed --items 100000 --out big. Or, with a FOLDER and "
    "--encoder, embed files of your own by models of Hugging Face: files of one stem are one item "
    "(cat1.jpg, cat1.wav, cat1.txt), or sub-folders are modalities, or items.csv names paths and texts. "
    "Example: gram embed --encoder clip=openai/clip-vit-base-patch32 pictures --out features"
)

_BUILT_IN_ONLY = ("model", "items", "processes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder to write the set to")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")

    built_in = parser.add_argument_group("built-in items")
    built_in.add_argument("--model", type=Path, help="folder of a trained model (default: the built-in gram model)")
    built_in.add_argument("--split", choices=("validation", "test"), default="test", help="default: %(default)s")
    built_in.add_argument("--items", type=positive, help="how many items (default: each number of the split once)")
    built_in.add_argument("--seed", type=int, default=0, help="draws the items beyond the first round")
    built_in.add_argument("--float16", action="store_true", help="store half-precision numbers")
    built_in.add_argument("--processes", type=positive, help="how many render at once (default: one a core)")

    own = parser.add_argument_group("files of your own")
    own.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="a folder of media, or a table")
    own.add_argument(
        "--encoder",
        action="append",
        metavar="LABEL=MODEL",
        help="folder or name of a Hugging Face model, with a label of yours; give it again for more",
    )
    own.add_argument("--text", metavar="COLUMN", help="column that holds texts (default: text, caption, ...)")
    own.add_argument("--batch", type=positive, default=32, help="how many are encoded at once (default: %(default)s)")
    own.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be used, and count them")


def run(args: argparse.Namespace) -> int:
    """Embed, save, and print where it went; return the exit status."""
    if (args.folder is None) != (not args.encoder):
        args.parser.error("FOLDER and --encoder belong together; give both, or neither for the built-in items")
    if args.folder is None:
        return _built_in(args)
    unused = [f"--{name}" for name in _BUILT_IN_ONLY if getattr(args, name) is not None]
    if unused or args.float16:
        args.parser.error(f"{(unused or ['--float16'])[0]} is for the built-in items; leave it out with a FOLDER")
    return _own(args)


def _built_in(args: argparse.Namespace) -> int:
    from gram.datasets.spoken_numbers import SPLITS
    from gram.models import load_model
    from gram.training.spoken_numbers.embedding import embed_many

    if args.model is None and not (BUILT_IN / "model").is_dir():
        args.parser.error("--model is needed: the built-in model is not here")
    model = load_model(args.model or BUILT_IN / "model", device=args.device)
    count = args.items or SPLITS[args.split]
    with progress_bar("embedding") as report:
        embedded = embed_many(
            model, count, args.out, split=args.split, seed=args.seed, half=args.float16,
            info={"model": str(model.info.get("loss", "unknown"))}, processes=args.processes, progress=report,
        )  # fmt: skip
    found = {"out": str(args.out), "items": len(embedded), "modalities": list(embedded.modalities)}
    print(json.dumps(found) if args.json else f"{len(embedded):,} items in {args.out}")
    return 0


def _own(args: argparse.Namespace) -> int:
    from gram.models.huggingface import embed_folder, load

    encoders = [load(spec, device=args.device) for spec in args.encoder]
    with progress_bar("embedding") as report:
        made = embed_folder(
            args.folder, args.out, encoders, text=args.text, batch_size=args.batch, skip_bad=args.skip_bad,
            progress=report,
        )  # fmt: skip
    _print(args, made)
    return 0


def _print(args: argparse.Namespace, made: "Embedded") -> None:
    """Print what came of a folder; what was left out goes to stderr."""
    from gram.data.embedding_set import FeatureSet

    features = made.features
    sizes = {name: rows.shape[1] for name, rows in features.modalities.items()}
    if args.json:
        found = {"out": str(args.out), "items": len(features), "modalities": sizes, "missing": features.missing()}
        counts = {"computed": made.computed, "resumed": made.resumed, "skipped": list(made.skipped), "cut": made.cut}
        print(json.dumps({**found, **counts, "notes": list(made.notes)}))
        return
    for line in (*made.skipped, *made.notes):
        print(f"gram: {line}", file=sys.stderr)
    for name, count in made.cut.items():
        print(f"gram: {name}: {count:,} recordings are longer than the encoder hears, and were cut", file=sys.stderr)
    resumed = f", {made.resumed:,} vectors from an earlier run" if made.resumed else ""
    print(f"{len(features):,} items in {args.out}: {', '.join(f'{name} {d}' for name, d in sizes.items())}{resumed}")
    if isinstance(features, FeatureSet):
        print(f"The modalities differ in size; align them next: python -m gram align {args.out}")
