"""Arguments of several commands that name a file of embeddings and the roles of its columns."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gram.data.embedding_set import FeatureSet
    from gram.data.importers import ColumnRoles

_NONE = "none"


def add_features(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the features."""
    parser.add_argument(
        "set", type=Path, metavar="IN", help="features: a folder, or a file of any kind that `convert` reads"
    )


def load_features(path: Path) -> "FeatureSet":
    """Return the features at a path.

    Raises:
        EmbeddingSetError: there are none that can be read.
    """
    from gram.data.importers import inspect, read

    return read(inspect(path))


def pair(text: str) -> tuple[str, str]:
    """Return both sides of NAME=COLUMN."""
    name, separator, column = text.partition("=")
    if not (name and separator and column):
        raise argparse.ArgumentTypeError(f"expected NAME=COLUMN, got {text!r}")
    return name, column


def add_column_roles(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that correct the guessed roles of columns."""
    group = parser.add_argument_group("which column is what (default: as guessed)")
    group.add_argument(
        "--modality", type=pair, action="append", metavar="NAME=COLUMN", help="a modality; give all, in order"
    )
    group.add_argument("--anchor", metavar="NAME", help="modality that is the anchor")
    for name, meaning in (("id", "unique values"), ("label", "what items are called"), ("split", "train, test, ...")):
        group.add_argument(f"--{name}", metavar="COLUMN", help=f"column with {meaning}; 'none' for no such column")
    group.add_argument(
        "--media", type=pair, action="append", metavar="NAME=COLUMN", help="column with paths of files of a modality"
    )
    group.add_argument(
        "--mask", type=pair, action="append", metavar="NAME=COLUMN", help="column that is 1 where a modality is there"
    )


def asked_roles(args: argparse.Namespace, roles: "ColumnRoles") -> "ColumnRoles":
    """Return the guess, corrected by the arguments."""
    if args.modality:
        chosen = dict(args.modality)
        masks = {name: mask for name, mask in roles.masks.items() if name in chosen}
        anchor = roles.anchor if roles.anchor in chosen else next(iter(chosen))
        roles = replace(roles, modalities=chosen, masks=masks, anchor=anchor)
    given = {name: getattr(args, name) for name in ("anchor", "id", "label", "split")}
    single: dict[str, Any] = {name: None if v == _NONE else v for name, v in given.items() if v is not None}
    roles = replace(roles, **single)
    if args.media:
        roles = replace(roles, media={column: name for name, column in args.media})
    if args.mask:
        roles = replace(roles, masks=dict(args.mask))
    return roles
