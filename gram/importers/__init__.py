"""Embeddings from files of many kinds: look what is there, correct the guess, read it as a feature set.

    found = look("features.npz")
    features = read(found)                                    # or: read(found, replace(found.plan, anchor="video"))

Nothing is ever unpickled, no path leaves the folder that was chosen, and sizes are checked before memory is used.
All faults of files are an `EmbeddingSetError` of one line.
"""

from gram.importers._export import EXPORTS, export
from gram.importers._folders import is_embedding_set
from gram.importers._limits import Limits
from gram.importers._look import Column, Found, look
from gram.importers._plan import Plan
from gram.importers._read import Problem, problems, read
from gram.importers._registry import suffixes
from gram.importers._save import save

__all__ = [
    "EXPORTS", "Column", "Found", "Limits", "Plan", "Problem",
    "export", "is_embedding_set", "look", "problems", "read", "save", "suffixes",
]  # fmt: skip
