"""Why retrieval fails on a set, and whose fault it is: faults of a whole set, single failures, remedies."""

from gram.diagnostics.dataset.base import FAULTS, Finding
from gram.diagnostics.dataset.below_precision import BelowPrecision, find_below_precision
from gram.diagnostics.dataset.collapse import Collapse, ModalitySpread, find_collapse
from gram.diagnostics.dataset.collinear import Collinear, CollinearPair, find_collinear
from gram.diagnostics.dataset.diagnosis import Check, Diagnosis, diagnose
from gram.diagnostics.dataset.duplicates import Duplicates, find_duplicates
from gram.diagnostics.dataset.hubs import Hubs, find_hubs
from gram.diagnostics.dataset.imbalance import Contribution, Imbalance, SubsetRecall, find_imbalance
from gram.diagnostics.dataset.missing import Missing, find_missing
from gram.diagnostics.dataset.modality_gap import ModalityGap, centred, find_modality_gap
from gram.diagnostics.dataset.sign_flips import PairCosines, SignFlips, find_sign_flips, reorient
from gram.diagnostics.dataset.swapped_rows import SwappedRows, find_swapped, misaligned_rows
from gram.diagnostics.dataset.synthetic import make_faulty_set, plantable_faults
from gram.diagnostics.failures.attribution import Attribution, Side
from gram.diagnostics.failures.breakdown import confusions, failure_rate
from gram.diagnostics.failures.cases import CAUSES, Cases, Cause, find_cases
from gram.diagnostics.failures.comparison import CELLS, Proportion, RankingComparison, compare_outcomes, wilson
from gram.diagnostics.failures.remedies import Remedy, csls, dual_softmax, measure_remedies
from gram.diagnostics.failures.single_case import attribute
from gram.diagnostics.failures.statistics import GalleryStatistics

__all__ = [
    "CAUSES", "CELLS", "FAULTS", "Attribution", "BelowPrecision", "Cases", "Cause", "Check", "Collapse",
    "Collinear", "CollinearPair", "Contribution", "Diagnosis", "Duplicates", "Finding", "GalleryStatistics",
    "Hubs", "Imbalance", "Missing", "ModalityGap", "ModalitySpread", "PairCosines", "Proportion",
    "RankingComparison", "Remedy", "Side", "SignFlips", "SubsetRecall", "SwappedRows", "attribute", "centred",
    "compare_outcomes", "confusions", "csls", "diagnose", "dual_softmax", "failure_rate",
    "find_below_precision", "find_cases", "find_collapse", "find_collinear", "find_duplicates", "find_hubs",
    "find_imbalance", "find_missing", "find_modality_gap", "find_sign_flips", "find_swapped", "make_faulty_set",
    "measure_remedies", "misaligned_rows", "plantable_faults", "reorient", "wilson",
]  # fmt: skip
