"""Your data: from files of embeddings to an open set, with every guess to see and to correct."""

from app.views.your_data.page import render

TITLE = "Your data"
ORDER = 7

__all__ = ["ORDER", "TITLE", "render"]
