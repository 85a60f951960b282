"""Evidence: what is claimed for GRAM, one claim a section, and what was measured here beside it."""

from app.views.evidence.page import render

TITLE = "Evidence"
ORDER = 6

__all__ = ["ORDER", "TITLE", "render"]
