"""Why retrieval fails on a set, and whose fault it is: faults of a whole set, single failures, remedies."""

from gram.diagnostics._examine import Reference
from gram.diagnostics.attribution import Attribution, Side, attribute
from gram.diagnostics.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.corruptions import confusions, failure_rate
from gram.diagnostics.gap import centred
from gram.diagnostics.outcomes import CELLS, Outcomes, Share, compare_outcomes, wilson
from gram.diagnostics.remedies import Remedy, csls, dual_softmax, measure_remedies
from gram.diagnostics.signs import PairCosines, SignFlips, find_sign_flips, reorient

__all__ = [
    "CAUSES",
    "CELLS",
    "Attribution",
    "Cases",
    "Cause",
    "Outcomes",
    "PairCosines",
    "Reference",
    "Remedy",
    "Share",
    "Side",
    "SignFlips",
    "attribute",
    "centred",
    "compare_outcomes",
    "confusions",
    "csls",
    "dual_softmax",
    "failure_rate",
    "find_cases",
    "find_sign_flips",
    "measure_remedies",
    "reorient",
    "wilson",
]
