"""Features as an argument of several commands: whatever the importers read."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gram.data.embedding_set import FeatureSet


def add_input(parser: argparse.ArgumentParser) -> None:
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
