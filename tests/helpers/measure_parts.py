"""Made-up items whose scores are explained, and what holds of every measure's declarations."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from gram import measures


@dataclass(frozen=True)
class Item:
    """What a score is made of, as `gram.measures.Parts`."""

    label: str
    score: float = 0.0
    base: float = 1.0
    height: float = 1.0
    cosines: Mapping[str, float] = field(default_factory=dict)
    own_cosine: float = math.nan


def traits(name: str) -> set[str]:
    """Return which of a measure's yes-or-no declarations are true."""
    all_traits = (
        "small_is_aligned", "sign_invariant", "uses_candidate_base", "compares_by_span", "comparable_across_k",
        "can_join",
    )  # fmt: skip
    return {each for each in all_traits if getattr(measures.get(name), each)}


def random_values(name: str, k: int, d: int, n: int = 4000) -> torch.Tensor:
    """Return a measure's values, as they are shown, for independent random directions."""
    rows = torch.randn(k, n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    values = measures.paired_score(name, *torch.nn.functional.normalize(rows, dim=-1))
    return -values if measures.get(name).small_is_aligned else values
