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

To add a loss, write one file with a subclass of `ContrastiveLoss` and `@register`: in this package, in a file that the
environment variable GRAM_PLUGINS names, or in an installed package with an entry point in the group `gram.losses`.
"""

from gram.losses.all_pairs import AllPairsInfoNCE, all_pairs_info_nce
from gram.losses.base import LOSSES, MEASURES, TEMPERATURE_RANGE, ContrastiveLoss, contrast, get, names, register
from gram.losses.gram import GramLoss, gram_loss
from gram.losses.gram_pairwise import GramPairwiseLoss, gram_pairwise_loss
from gram.losses.info_nce import PairwiseInfoNCE, pairwise_info_nce
from gram.losses.log_volume import LogVolumeLoss, log_volume_loss
from gram.losses.matching import AnchorMatching
from gram.losses.pmrl import PMRLLoss, pmrl_loss
from gram.losses.singular_value import SingularLoss, singular_loss
from gram.losses.symile import SymileLoss, symile_loss
from gram.losses.triangle import TriangleLoss, triangle_loss

__all__ = [
    "LOSSES", "MEASURES", "TEMPERATURE_RANGE", "AllPairsInfoNCE", "AnchorMatching", "ContrastiveLoss",
    "GramLoss", "GramPairwiseLoss", "LogVolumeLoss", "PMRLLoss", "PairwiseInfoNCE", "SingularLoss",
    "SymileLoss", "TriangleLoss", "all_pairs_info_nce", "contrast", "get", "gram_loss", "gram_pairwise_loss",
    "log_volume_loss", "names", "pairwise_info_nce", "pmrl_loss", "register", "singular_loss", "symile_loss",
    "triangle_loss",
]  # fmt: skip
