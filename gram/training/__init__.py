"""Training: one loop (`trainer`), the built-in model (`spoken_numbers`), and heads on frozen features (`align`)."""

from gram.training.align_config import AlignConfig
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import embed_items, embed_many, half_precision, split_items
from gram.training.spoken_numbers.train import train

__all__ = [
    "AlignConfig",
    "TrainingConfig",
    "embed_items",
    "embed_many",
    "half_precision",
    "split_items",
    "train",
]
