"""Why retrieval fails on a set, and whose fault it is: faults of a whole set, single failures, remedies."""

from gram.diagnostics.attribution import Attribution, Side, attribute
from gram.diagnostics.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.gap import centred
from gram.diagnostics.outcomes import CELLS, Outcomes, Share, compare_outcomes
from gram.diagnostics.signs import PairCosines, SignFlips, find_sign_flips, reorient

__all__ = [
    "CAUSES",
    "CELLS",
    "Attribution",
    "Cases",
    "Cause",
    "Outcomes",
    "PairCosines",
    "Share",
    "Side",
    "SignFlips",
    "attribute",
    "centred",
    "compare_outcomes",
    "find_cases",
    "find_sign_flips",
    "reorient",
]
