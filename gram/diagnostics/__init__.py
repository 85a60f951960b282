"""Why retrieval fails on a set, and whose fault it is: faults of a whole set, single failures, remedies."""

from gram.diagnostics.dataset.collapse import Collapse, ModalitySpread, find_collapse
from gram.diagnostics.dataset.diagnose import FAULT_CAUSES, Check, Diagnosis, Finding, diagnose
from gram.diagnostics.dataset.hubs import Hubs, find_hubs
from gram.diagnostics.dataset.imbalance import Imbalance, SubsetRecall, find_imbalance
from gram.diagnostics.dataset.modality_gap import Gap, centred, find_gap
from gram.diagnostics.dataset.numerics import CollinearPair, Duplicates, Numerics, find_duplicates, find_numerics
from gram.diagnostics.dataset.sign_flips import PairCosines, SignFlips, find_sign_flips, reorient
from gram.diagnostics.dataset.swapped_rows import SwappedRows, find_swapped, out_of_step
from gram.diagnostics.dataset.synthetic import FAULTS, plant
from gram.diagnostics.failures.attribution import Attribution, Side, attribute
from gram.diagnostics.failures.breakdown import confusions, failure_rate
from gram.diagnostics.failures.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.failures.comparison import CELLS, Outcomes, Share, compare_outcomes, wilson
from gram.diagnostics.failures.remedies import Remedy, csls, dual_softmax, measure_remedies
from gram.diagnostics.failures.statistics import Reference

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
