"""Training of the built-in model, and the embedding of the built-in items."""

from gram.training.built_in import train
from gram.training.config import LOSSES, TrainingConfig
from gram.training.spoken_numbers.embedding import embed_items, embed_many, half_precision, split_items

__all__ = ["LOSSES", "TrainingConfig", "embed_items", "embed_many", "half_precision", "split_items", "train"]
