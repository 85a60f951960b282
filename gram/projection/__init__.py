"""Every embedding of a set as a point in the plane or in space, by UMAP or PCA; kept once computed.

A picture of d dimensions in two or three distorts. Each layout carries its trustworthiness, which says how far
neighbours in the picture are neighbours in truth.
"""

from gram.projection.fit import project
from gram.projection.layout import METHODS, Layout, Settings
from gram.projection.stages import PROGRESS_STAGES
from gram.projection.store import cache_folder, find_layout, layout_file, write_layouts

__all__ = [
    "METHODS",
    "PROGRESS_STAGES",
    "Layout",
    "Settings",
    "cache_folder",
    "find_layout",
    "layout_file",
    "project",
    "write_layouts",
]
