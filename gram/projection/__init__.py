"""Projections of all embeddings of a set to the plane or to space, by UMAP or PCA; cached.

A picture of d dimensions in two or three distorts: each layout carries its trustworthiness, which says how far
neighbours in the picture are neighbours by cosine.
"""

from gram.projection.fit import PROGRESS_STAGES, project, write_layouts
from gram.projection.layout import METHODS, Layout, Settings
from gram.projection.store import find_layout, layout_file

__all__ = [
    "METHODS", "PROGRESS_STAGES", "Layout", "Settings", "find_layout", "layout_file", "project",
    "write_layouts",
]  # fmt: skip
