"""Embeddings from files of many kinds: see what is there, correct the guess, read it as a feature set.

    found = inspect("features.npz")
    features = read(found)                                    # or: read(found, replace(found.roles, anchor="video"))

Nothing is ever unpickled, no path leaves the folder that was chosen, and sizes are checked before memory is used.
All faults of files are an `EmbeddingSetError` of one line.
"""

from gram.data.importers.export import EXPORTS, export
from gram.data.importers.folder import is_embedding_set
from gram.data.importers.guess import ColumnRoles
from gram.data.importers.inspect import Column, Inspection, inspect
from gram.data.importers.limits import Limits
from gram.data.importers.read import RowError, read, row_errors
from gram.data.importers.registry import suffixes
from gram.data.importers.save import save

__all__ = [
    "EXPORTS",
    "Column",
    "ColumnRoles",
    "Inspection",
    "Limits",
    "RowError",
    "export",
    "inspect",
    "is_embedding_set",
    "read",
    "row_errors",
    "save",
    "suffixes",
]  # fmt: skip
