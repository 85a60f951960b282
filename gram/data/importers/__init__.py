"""Embeddings from files of many kinds: inspect them, correct the guessed roles, read them as a feature set.

    inspection = inspect("features.npz")
    features = read(inspection)                  # or: read(inspection, replace(inspection.roles, anchor="video"))

Nothing is ever unpickled but descriptions of tensors, no path leaves the folder that was chosen, and files are read in
processes of limited memory and time (`sandbox`). All faults of files are an `EmbeddingSetError` of one line.
"""

from gram.data.importers.base import suffixes
from gram.data.importers.export import EXPORTS, export, save
from gram.data.importers.folder import is_embedding_set
from gram.data.importers.guess import ColumnRoles
from gram.data.importers.inspect import Column, Inspection, inspect
from gram.data.importers.limits import Limits
from gram.data.importers.read import RowError, load, read, row_errors

__all__ = [
    "EXPORTS", "Column", "ColumnRoles", "Inspection", "Limits", "RowError",
    "export", "inspect", "is_embedding_set", "load", "read", "row_errors", "save", "suffixes",
]  # fmt: skip
