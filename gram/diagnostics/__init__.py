"""Why retrieval fails on a set, and whose fault it is: every cause as numbers, for any number of modalities."""

from gram.diagnostics.gap import centred
from gram.diagnostics.signs import PairCosines, SignFlips, find_sign_flips, reorient

__all__ = [
    "PairCosines",
    "SignFlips",
    "centred",
    "find_sign_flips",
    "reorient",
]
