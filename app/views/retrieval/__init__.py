"""Retrieval: ask the gallery by number, picture or sound, and see two rankings of it side by side."""

from app.views.retrieval.page import render

TITLE = "Retrieval"
ORDER = 4

__all__ = ["ORDER", "TITLE", "render"]
