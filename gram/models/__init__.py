"""Encoders of the built-in modalities, the model that joins them, and its form on disk."""

from gram.models.checkpoint import load_model, save_model
from gram.models.encoders import Batch
from gram.models.multimodal import ModelConfig, MultimodalModel, collate

__all__ = [
    "Batch",
    "ModelConfig",
    "MultimodalModel",
    "collate",
    "load_model",
    "save_model",
]
