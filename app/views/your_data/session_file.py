"""What was looked into last, until it is opened."""

from pathlib import Path
from typing import NamedTuple

from gram.data.importers import Inspection


class Kept(NamedTuple):
    """A file or folder that was looked into.

    Attributes:
        key: tells it from others.
        title: what the set will be called.
        path: where it lies.
        found: what is in it.
    """

    key: str
    title: str
    path: Path
    found: Inspection
