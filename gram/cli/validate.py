"""`python -m gram validate`: whether a set, or any file of embeddings, is sound, and what is in it."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gram.cli.features import add_column_roles, asked_roles
from gram.cli.output import print_json, table
from gram.errors import EmbeddingSetError

if TYPE_CHECKING:
    from gram.data.embedding_set import EmbeddingSet
    from gram.data.importers import Column, ColumnRoles, Inspection, RowError

ORDER = 90
HELP = "check an embedding set, or any file of embeddings"
DESCRIPTION = (
    "Check every row of an embedding set, or of a file or folder that `gram convert` reads; say what is in it "
    "and what each column is taken for, or what is wrong and where."
)

# Rounding a unit vector to float16 changes its length by less than 2^-11, or 5e-4.
_UNIT_TOLERANCE = 1e-3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("set", type=Path, metavar="PATH", help="folder of a set, or file or folder with embeddings")
    add_column_roles(parser)
    parser.add_argument("--json", action="store_true", help="print what is found as JSON")


def run(args: argparse.Namespace) -> int:
    """Load the set, which checks it, print its contents, and return the exit status."""
    if args.set.exists() and not _is_set(args.set):
        return _run_file(args)
    from gram.data.embedding_set import EmbeddingSet  # with torch, so that a file that is refused need not wait for it

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


def _is_set(path: Path) -> bool:
    """Return whether a path is the folder of an embedding set; features go the way of all other files."""
    from gram.data import importers

    return path.is_dir() and importers.is_embedding_set(path)


def _run_file(args: argparse.Namespace) -> int:
    from gram.data import importers

    found = importers.inspect(args.set)
    roles = asked_roles(args, found.roles)
    problems = importers.row_errors(found, roles)
    if args.json:
        print_json(_as_json(args.set, found, roles, problems))
        return 1 if problems else 0
    print(f"{args.set}: {found.format}, {found.n:,} items, {len(roles.modalities)} modalities, anchor {roles.anchor}\n")
    print(table([_column_row(column, roles) for column in found.columns]))
    for note in found.notes:
        print(f"note: {note}")
    if not problems:
        print("sound: `gram convert` makes a set of it")
        return 0
    raise EmbeddingSetError(_summary(args.set, problems))


def _summary(path: Path, problems: "list[RowError]") -> str:
    first = problems[0]
    if first.row is None:
        return first.what
    more = f", and {len(problems) - 1:,} more problems" if len(problems) > 1 else ""
    return (
        f"{path}: row {first.row} (id '{first.id}'): {first.what}{more}; --json lists them, `gram convert --skip-bad` "
        "leaves such items out"
    )


def _column_row(column: "Column", roles: "ColumnRoles") -> dict[str, str]:
    names = {source: name for name, source in roles.modalities.items()}
    masked = {mask: name for name, mask in roles.masks.items()}
    single = {roles.id: "id", roles.label: "label", roles.split: "split"}
    role = f"modality {names[column.name]}" if column.name in names else single.get(column.name, "")
    role = f"mask of {masked[column.name]}" if column.name in masked else role
    role = f"media of {roles.media[column.name]}" if column.name in roles.media else role
    shape = " x ".join(f"{size:,}" for size in column.shape)
    return {"column": column.name, "taken for": role or "-", "shape": shape, "type": column.dtype}


def _as_json(path: Path, found: "Inspection", roles: "ColumnRoles", problems: "list[RowError]") -> dict[str, Any]:
    return {
        "set": str(path),
        "sound": not problems,
        "format": found.format,
        "items": found.n,
        "columns": [dataclasses.asdict(column) for column in found.columns],
        "plan": dataclasses.asdict(roles),
        "notes": list(found.notes),
        "problems": [dataclasses.asdict(problem) for problem in problems],
    }


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
            name: {"dtype": f"{tensor.dtype}".removeprefix("torch."), "missing": missing[name]}
            | _lengths(embedded, name)
            for name, tensor in embedded.modalities.items()
        },
    }


def _lengths(embedded: "EmbeddingSet", name: str) -> dict[str, Any]:
    lengths = embedded.lengths(name)[embedded.present(name)]
    if not len(lengths):
        return {"shortest": None, "longest": None, "unit": None}
    shortest, longest = float(lengths.min()), float(lengths.max())
    unit = abs(shortest - 1) < _UNIT_TOLERANCE and abs(longest - 1) < _UNIT_TOLERANCE
    return {"shortest": shortest, "longest": longest, "unit": unit}


def _media_found(embedded: "EmbeddingSet", column: str) -> dict[str, int]:
    files = [embedded.media_file(row, column) for row in range(len(embedded))]
    named = [file for file in files if file is not None]
    return {"named": len(named), "found": sum(file.is_file() for file in named)}


def _row(name: str, part: dict[str, Any]) -> dict[str, str]:
    lengths = "none present" if part["unit"] is None else f"{part['shortest']:.4g} to {part['longest']:.4g}"
    unit = {True: " (unit)", False: " (not unit)", None: ""}[part["unit"]]
    return {"modality": name, "type": part["dtype"], "missing": f"{part['missing']:,}", "lengths": lengths + unit}
