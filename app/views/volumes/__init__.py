"""Volumes: every item as one number, matched against mismatched."""

from app.views.volumes.page import render

TITLE = "Volumes"
ORDER = 2

__all__ = ["ORDER", "TITLE", "render"]
