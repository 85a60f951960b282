"""The rival losses as functions by name, and how they are called."""

import torch

from gram.losses import (
    LOSSES,
    all_pairs_info_nce,
    gram_pairwise_loss,
    log_volume_loss,
    pmrl_loss,
    singular_loss,
    symile_loss,
    triangle_loss,
)

FUNCTIONS = {
    "all-pairs": all_pairs_info_nce,
    "gram-cosine": gram_pairwise_loss,
    "log-volume": log_volume_loss,
    "triangle": triangle_loss,
    "singular": singular_loss,
    "pmrl": pmrl_loss,
    "symile": symile_loss,
}

NAMES = list(FUNCTIONS)

FITTING = [(name, k) for name in NAMES for k in (2, 3, 4) if name != "triangle" or k == 3]

SETTINGS = {"temperature": 0.3, "label_smoothing": 0.1}


def call(name: str, vectors: torch.Tensor, **settings) -> torch.Tensor:
    """Return the loss, with Symile's permutations those of seed 0."""
    if name == "symile":
        settings["generator"] = torch.Generator().manual_seed(0)
    return FUNCTIONS[name](*vectors, **settings)


def modalities(name: str, otherwise: int) -> int:
    return LOSSES[name].modalities or otherwise
