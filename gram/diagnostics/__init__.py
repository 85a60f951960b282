"""Why retrieval fails on a set, and whose fault it is: every cause as numbers, for any number of modalities."""

from gram.diagnostics.collapse import Collapse, ModalitySpread, find_collapse
from gram.diagnostics.findings import CAUSES, Check, Diagnosis, Finding, diagnose
from gram.diagnostics.gap import Gap, centred, find_gap
from gram.diagnostics.hubs import Hubs, find_hubs
from gram.diagnostics.imbalance import Imbalance, Share, SubsetRecall, find_imbalance
from gram.diagnostics.numerics import CollinearPair, Duplicates, Numerics, find_duplicates, find_numerics
from gram.diagnostics.planted import FAULTS, plant
from gram.diagnostics.signs import PairCosines, SignFlips, find_sign_flips, reorient
from gram.diagnostics.swapped import SwappedRows, find_swapped, out_of_step

__all__ = [
    "CAUSES",
    "FAULTS",
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
    "PairCosines",
    "Share",
    "SignFlips",
    "SubsetRecall",
    "SwappedRows",
    "centred",
    "diagnose",
    "find_collapse",
    "find_duplicates",
    "find_gap",
    "find_hubs",
    "find_imbalance",
    "find_numerics",
    "find_sign_flips",
    "find_swapped",
    "out_of_step",
    "plant",
    "reorient",
]
