"""`python -m gram validate`: whether a folder is a sound embedding set, and what is in it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli._arguments import Subparsers
from gram.cli._output import print_json, table

if TYPE_CHECKING:
    from gram.embedding_set import EmbeddingSet

# Rounding a unit vector to float16 changes its length by less than 2^-11, or 5e-4.
_UNIT_TOLERANCE = 1e-3


def add_parser(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Add the subcommand and its arguments."""
    parser = subparsers.add_parser(
        "validate",
        help="check an embedding set",
        description="Check every row of an embedding set; say what is in it, or what is wrong and where.",
    )
    parser.add_argument("set", type=Path, metavar="DIR", help="folder of the embedding set")
    parser.add_argument("--json", action="store_true", help="print what is found as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load the set, which checks it, say what is in it, and return the exit status."""
    from gram.embedding_set import EmbeddingSet

    found = describe(EmbeddingSet.load(args.set))
    if args.json:
        print_json({"set": str(args.set), **found})
        return 0
    print(f"{args.set}: a sound embedding set")
    print(
        f"{found['items']:,} items, {len(found['modalities'])} modalities, d = {found['d']}, anchor {found['anchor']}"
    )
    print(f"columns: {', '.join(found['columns'])}")
    for column, count in found["media"].items():
        print(f"media: {column}, {count['found']:,} of {count['named']:,} files found")
    print()
    print(table([_row(name, part) for name, part in found["modalities"].items()]))
    return 0


def describe(embedded: "EmbeddingSet") -> dict[str, Any]:
    """Return what is in a set: sizes, and type, missing items and lengths by modality."""
    missing = embedded.missing()
    return {
        "name": embedded.info.get("name"),
        "items": len(embedded),
        "d": embedded.d,
        "anchor": embedded.anchor,
        "columns": [str(column) for column in embedded.items.columns],
        "media": {column: _media_found(embedded, column) for column in embedded.media_columns},
        "modalities": {
            name: {
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "missing": missing[name],
                **_lengths(embedded, name),
            }
            for name, tensor in embedded.modalities.items()
        },
    }


def _lengths(embedded: "EmbeddingSet", name: str) -> dict[str, Any]:
    lengths = embedded.lengths(name)[embedded.present(name)]
    if not len(lengths):
        return {"shortest": None, "longest": None, "unit": None}
    shortest, longest = float(lengths.min()), float(lengths.max())
    return {
        "shortest": shortest,
        "longest": longest,
        "unit": abs(shortest - 1) < _UNIT_TOLERANCE and abs(longest - 1) < _UNIT_TOLERANCE,
    }


def _media_found(embedded: "EmbeddingSet", column: str) -> dict[str, int]:
    files = [embedded.media_file(row, column) for row in range(len(embedded))]
    named = [file for file in files if file is not None]
    return {"named": len(named), "found": sum(file.is_file() for file in named)}


def _row(name: str, part: dict[str, Any]) -> dict[str, str]:
    lengths = "none present" if part["unit"] is None else f"{part['shortest']:.4g} to {part['longest']:.4g}"
    unit = {True: " (unit)", False: " (not unit)", None: ""}[part["unit"]]
    return {
        "modality": name,
        "type": part["dtype"],
        "missing": f"{part['missing']:,}",
        "lengths": lengths + unit,
    }
