"""The quick experiments, for the tests of this folder."""

from tests.helpers.quick_experiments import quick

__all__ = ["quick"]
