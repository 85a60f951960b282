"""Failures: where two rankings go wrong, case by case, and whose fault it is."""

from app.views.failures.page import render

TITLE = "Failures"
ORDER = 5

__all__ = ["ORDER", "TITLE", "render"]
