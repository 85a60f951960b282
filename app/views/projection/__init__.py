"""Projection: every embedding as a point, all modalities in one plane or space."""

from app.views.projection.page import render

TITLE = "Projection"
ORDER = 3

__all__ = ["ORDER", "TITLE", "render"]
