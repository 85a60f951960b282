"""Faults of a whole embedding set, each measured and judged."""
