"""Why the wrong item won: faults of a whole set, single failures, two rankings compared, remedies."""

from gram.diagnostics.attribution import Attribution, Side, attribute
from gram.diagnostics.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.outcomes import CELLS, Outcomes, Share, compare_outcomes

__all__ = [
    "CAUSES",
    "CELLS",
    "Attribution",
    "Cases",
    "Cause",
    "Outcomes",
    "Share",
    "Side",
    "attribute",
    "compare_outcomes",
    "find_cases",
]
