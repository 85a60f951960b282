"""Projection heads: features of encoders that were trained apart, each taken into one shared space.

alignment = align(features, AlignmentSettings(loss="gram", d=64))
alignment.embedding_set                     # all items in the shared space; its items say which were held out
save_heads(alignment.heads, "heads")        # opened again by gram.models.load_model
"""

from gram.alignment.example import digit_views
from gram.alignment.fit import Alignment, align
from gram.alignment.heads import Heads
from gram.alignment.job import AlignJob
from gram.alignment.settings import HEADS, AlignmentSettings, losses_for
from gram.alignment.store import load_heads, open_model, save_alignment, save_heads

__all__ = [
    "HEADS",
    "AlignJob",
    "Alignment",
    "AlignmentSettings",
    "Heads",
    "align",
    "digit_views",
    "load_heads",
    "losses_for",
    "open_model",
    "save_alignment",
    "save_heads",
]
