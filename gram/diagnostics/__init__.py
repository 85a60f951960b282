"""Why the wrong item won: faults of a whole set, single failures, two rankings compared, remedies."""

from gram.diagnostics._examine import Reference
from gram.diagnostics.attribution import Attribution, Side, attribute
from gram.diagnostics.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.corruptions import confusions, failure_rate
from gram.diagnostics.outcomes import CELLS, Outcomes, Share, compare_outcomes, wilson
from gram.diagnostics.remedies import Remedy, csls, dual_softmax, measure_remedies

__all__ = [
    "CAUSES",
    "CELLS",
    "Attribution",
    "Cases",
    "Cause",
    "Outcomes",
    "Reference",
    "Remedy",
    "Share",
    "Side",
    "attribute",
    "compare_outcomes",
    "confusions",
    "csls",
    "dual_softmax",
    "failure_rate",
    "find_cases",
    "measure_remedies",
    "wilson",
]
