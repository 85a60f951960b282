"""Why retrieval fails on a set, and whose fault it is: faults of a whole set, single failures, remedies."""

from gram.diagnostics._examine import Reference
from gram.diagnostics.attribution import Attribution, Side, attribute
from gram.diagnostics.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.collapse import Collapse, ModalitySpread, find_collapse
from gram.diagnostics.corruptions import confusions, failure_rate
from gram.diagnostics.findings import FAULT_CAUSES, Check, Diagnosis, Finding, diagnose
from gram.diagnostics.gap import Gap, centred, find_gap
from gram.diagnostics.hubs import Hubs, find_hubs
from gram.diagnostics.imbalance import Imbalance, SubsetRecall, find_imbalance
from gram.diagnostics.numerics import CollinearPair, Duplicates, Numerics, find_duplicates, find_numerics
from gram.diagnostics.outcomes import CELLS, Outcomes, Share, compare_outcomes, wilson
from gram.diagnostics.planted import FAULTS, plant
from gram.diagnostics.remedies import Remedy, csls, dual_softmax, measure_remedies
from gram.diagnostics.signs import PairCosines, SignFlips, find_sign_flips, reorient
from gram.diagnostics.swapped import SwappedRows, find_swapped, out_of_step

__all__ = [
    "CAUSES",
    "CELLS",
    "FAULTS",
    "FAULT_CAUSES",
    "Attribution",
    "Cases",
    "Cause",
    "Check",
    "Collapse",
    "CollinearPair",
    "Diagnosis",
    "Duplicates",
    "Finding",
    "Gap",
    "Hubs",
    "Imbalance",
    "ModalitySpread",
    "Numerics",
    "Outcomes",
    "PairCosines",
    "Reference",
    "Remedy",
    "Share",
    "Side",
    "SignFlips",
    "SubsetRecall",
    "SwappedRows",
    "attribute",
    "centred",
    "compare_outcomes",
    "confusions",
    "csls",
    "diagnose",
    "dual_softmax",
    "failure_rate",
    "find_cases",
    "find_collapse",
    "find_duplicates",
    "find_gap",
    "find_hubs",
    "find_imbalance",
    "find_numerics",
    "find_sign_flips",
    "find_swapped",
    "measure_remedies",
    "out_of_step",
    "plant",
    "reorient",
    "wilson",
]
