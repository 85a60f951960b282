"""Features as an argument of several commands: whatever the importers read."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gram.feature_set import FeatureSet


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the features."""
    parser.add_argument("set", type=Path, metavar="IN", help="folder of an embedding set or a feature set")


def load_features(path: Path) -> "FeatureSet":
    """Return the features at a path.

    Raises:
        EmbeddingSetError: there are none that can be read.
    """
    from gram.feature_set import FeatureSet

    return FeatureSet.load(path)
