"""Contrastive losses over matched batches: item i of every modality belongs to item i of the others.

Each loss is a function, and a module that holds its temperature:

>>> import torch
>>> from gram import GramLoss
>>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 8, 16), dim=-1)
>>> loss = GramLoss(temperature=0.07)(text, image, speech)
>>> bool(loss > 0)
True

The rivals of GRAM have its signature, so that each trains in its place: `LOSSES` has them all by name, `MEASURES` the
measure that each trains.

>>> all(bool(rival()(text, image, speech) > 0) for rival in LOSSES.values())
True

The batch may be spread over processes (`gather=True`). Each rank then compares its own items with all items, in both
directions, and the gradients travel back to the ranks that the embeddings came from. Value and gradients on every rank
are those of one process that holds the whole batch.
"""

from gram.losses.base import TEMPERATURE_RANGE, ContrastiveLoss
from gram.losses.cosines import AllPairsInfoNCE, PairwiseInfoNCE, all_pairs_info_nce, pairwise_info_nce
from gram.losses.matching import AnchorMatching
from gram.losses.singular import PMRLLoss, SingularLoss, pmrl_loss, singular_loss
from gram.losses.symile import SymileLoss, symile_loss
from gram.losses.triangle import TriangleLoss, triangle_loss
from gram.losses.volumes import (
    GramLoss,
    GramPairwiseLoss,
    LogVolumeLoss,
    gram_loss,
    gram_pairwise_loss,
    log_volume_loss,
)

LOSSES: dict[str, type[ContrastiveLoss]] = {
    "gram": GramLoss,
    "cosine": PairwiseInfoNCE,
    "all-pairs": AllPairsInfoNCE,
    "gram-cosine": GramPairwiseLoss,
    "log-volume": LogVolumeLoss,
    "triangle": TriangleLoss,
    "singular": SingularLoss,
    "pmrl": PMRLLoss,
    "symile": SymileLoss,
}
MEASURES = {  # what each trains, and is judged by
    "gram": "volume",
    "cosine": "cosine",
    "all-pairs": "cosine",  # the mean of all pairs would add the candidate's own, the same for every query
    "gram-cosine": "volume",
    "log-volume": "volume",
    "triangle": "triangle",
    "singular": "singular",
    "pmrl": "singular",
    "symile": "symile",
}

__all__ = [
    "LOSSES",
    "MEASURES",
    "TEMPERATURE_RANGE",
    "AllPairsInfoNCE",
    "AnchorMatching",
    "ContrastiveLoss",
    "GramLoss",
    "GramPairwiseLoss",
    "LogVolumeLoss",
    "PMRLLoss",
    "PairwiseInfoNCE",
    "SingularLoss",
    "SymileLoss",
    "TriangleLoss",
    "all_pairs_info_nce",
    "gram_loss",
    "gram_pairwise_loss",
    "log_volume_loss",
    "pairwise_info_nce",
    "pmrl_loss",
    "singular_loss",
    "symile_loss",
    "triangle_loss",
]
