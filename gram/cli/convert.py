"""`python -m gram convert`: files of embeddings of any kind into a set, or a set into one file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli.arguments import LazyChoices
from gram.cli.features import add_column_roles, asked_roles
from gram.cli.output import print_json
from gram.core.declarations import declared_modules

if TYPE_CHECKING:
    from gram.data.embedding_set import FeatureSet

ORDER = 100
HELP = "turn files of embeddings into a set, or a set into one file"
DESCRIPTION = (
    "Read embeddings (a file, a folder or a zip of files, a dataset of Hugging Face, or a set) and write a set, or one "
    "file where OUT ends in .parquet, .npz or .safetensors. What each column means is guessed; `gram validate IN` "
    "shows the guess. "
    "Example: gram convert features.npz set --modality text=feat_t --modality video=feat_v --id video_id"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source", type=Path, metavar="IN", nargs="+", choices=LazyChoices(_suffixes, check=False),
        help="file, folder, or files of one set together; files that are read: %(choices)s",
    )  # fmt: skip
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the set, or a .parquet, .npz, .safetensors")
    add_column_roles(parser)
    parser.add_argument("--skip-bad", action="store_true", help="leave out the items that have something wrong")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _suffixes() -> list[str]:
    declared = declared_modules("gram.data.importers", marker="SUFFIXES").values()  # without their libraries
    return sorted(suffix for constants in declared for suffix in constants["SUFFIXES"])


def run(args: argparse.Namespace) -> int:
    """Read, write, print what was written, and return the exit status."""
    from gram.data import importers

    found = importers.inspect(args.source if len(args.source) > 1 else args.source[0])
    roles = asked_roles(args, found.roles)
    bad = sorted({p.row for p in importers.row_errors(found, roles) if p.row is not None}) if args.skip_bad else []
    features = importers.read(found, roles, without=bad)
    if args.out.suffix.lower() in importers.EXPORTS:
        importers.export(features, args.out)
    else:
        importers.save(features, args.out)
    written = _describe(features, args.out) | {"left_out": bad, "notes": list(found.notes)}
    if args.json:
        print_json(written)
        return 0
    sizes = ", ".join(f"{name} ({part['d']})" for name, part in written["modalities"].items())
    print(f"{args.out}: {len(features):,} items, {sizes}, anchor {features.anchor}")
    for note in found.notes:
        print(f"note: {note}")
    if bad:
        print(f"left out: {len(bad):,} rows, the first of them row {bad[0]}")
    return 0


def _describe(features: "FeatureSet", out: Path) -> dict[str, Any]:
    missing = features.missing()
    return {
        "out": str(out),
        "items": len(features),
        "aligned": features.aligned,
        "anchor": features.anchor,
        "modalities": {name: {"d": d, "missing": missing[name]} for name, d in features.sizes.items()},
    }
