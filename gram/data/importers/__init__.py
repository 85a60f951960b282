"""Embeddings from files of many kinds: look what is there, correct the guess, read it as a feature set.

    found = look("features.npz")
    features = read(found)                                    # or: read(found, replace(found.plan, anchor="video"))

Nothing is ever unpickled, no path leaves the folder that was chosen, and sizes are checked before memory is used.
All faults of files are an `EmbeddingSetError` of one line.
"""

from gram.data.importers.export import EXPORTS, export
from gram.data.importers.folder import is_embedding_set
from gram.data.importers.guess import Plan
from gram.data.importers.inspect import Column, Found, look
from gram.data.importers.limits import Limits
from gram.data.importers.read import Problem, problems, read
from gram.data.importers.registry import suffixes
from gram.data.importers.save import save

__all__ = [
    "EXPORTS", "Column", "Found", "Limits", "Plan", "Problem",
    "export", "is_embedding_set", "look", "problems", "read", "save", "suffixes",
]  # fmt: skip
