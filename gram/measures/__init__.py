"""Every score by name, with one signature: (q, n), higher = better aligned."""

from gram.measures.base import Measure, Prepared, get, names, paired_score, score

__all__ = ["Measure", "Prepared", "get", "names", "paired_score", "score"]
