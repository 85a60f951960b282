"""Cached loading for asking the gallery, and for the sounds that cards play."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from app import data
from gram.embedding_set import EmbeddingSet
from gram.evaluation import evaluate
from gram.models import MultimodalModel
from gram.retrieval import Encoder, Retriever, disagreements


class VectorEncoder:
    """Takes vectors for what they are: those of the shared space as they come, others through a model if there is one.

    Attributes:
        d: dimensions of the shared space.
        model: what makes vectors of the shared space of others, such as alignment heads; or None.
    """

    def __init__(self, d: int, model: Encoder | None) -> None:
        self.d, self.model = d, model

    def encode(self, modality: str, inputs: Sequence[Float[np.ndarray, " d"]]) -> Float[Tensor, "n d"]:
        """Return one unit vector an input.

        Raises:
            ValueError: there is no model, and a vector is not of the shared space.
            ModelError: what the model says.
        """
        vectors = torch.from_numpy(np.stack(inputs)).float()
        if vectors.shape[1] == self.d:
            return torch.nn.functional.normalize(vectors, dim=-1)
        if self.model is None:
            raise ValueError(
                f"The vector has {vectors.shape[1]:,} numbers, and this set's have {self.d:,}: give one of its space."
            )
        return self.model.encode(modality, list(vectors))


@st.cache_data(max_entries=256, show_spinner=False)
def rendered_sound(item_id: str, seed: int, name: str, _render: Callable[[], bytes]) -> bytes:
    """Return the rendered sound of an item, rendering it the first time; the item's seed names its recipe."""
    return _render()


def retriever(model: str, measure: str, candidates: tuple[str, ...]) -> Retriever:
    """Return a model's set made ready for a measure, with the model, if it is there, for queries to be embedded."""
    return _retriever(data.fingerprint(model), model, measure, candidates)


def disagreeing_ids(
    left: tuple[str, str], right: tuple[str, str], modality: str, candidates: tuple[str, ...]
) -> list[str]:
    """Return the items that one (model, measure) finds first and the other far, furthest apart first."""
    found = [
        _ranks(data.fingerprint(model), measure, modality, candidates, data.load_set(model))
        for model, measure in (left, right)
    ]
    return disagreements(*found)


def _make_retriever(fingerprint: tuple[str, int], model: str, measure: str, candidates: tuple[str, ...]) -> Retriever:
    gallery = data.load_set(model)
    loaded = data.load_model(model) if data.has_model(model) else None
    encoder = loaded if isinstance(loaded, MultimodalModel) else VectorEncoder(gallery.d, loaded)
    return Retriever(gallery, candidates=candidates, measure=measure, model=encoder)


_retriever = data.cached_for_all_or_one(_make_retriever, max_entries=24, show_spinner="Preparing the gallery")


@st.cache_data(max_entries=24, show_spinner="Ranking every item")
def _ranks(
    fingerprint: tuple[str, int], measure: str, modality: str, candidates: tuple[str, ...], _gallery: EmbeddingSet
) -> dict[str, float]:
    report = evaluate(_gallery, query=modality, candidates=list(candidates), measure=measure)
    ids = _gallery.items["id"].iloc[report.rows.tolist()]
    return dict(zip(ids.astype(str), report.ranks.tolist()))
