"""Cached loading for asking the gallery, and for the sounds that cards play."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float
from torch import Tensor

from app.data import collections, sets
from gram.data.embedding_set import EmbeddingSet
from gram.models import MultimodalModel
from gram.models import huggingface as encoders
from gram.models.heads import Heads
from gram.retrieval.comparison import disagreements
from gram.retrieval.evaluate import evaluate
from gram.retrieval.query import Encoder
from gram.retrieval.search import Searcher

if TYPE_CHECKING:
    from gram.models.huggingface import SetEncoders


class AnyEncoder:
    """Takes vectors of the shared space for what they are, others through heads, and raw inputs through encoders.

    Attributes:
        d: dimensions of the shared space.
        model: what makes vectors of the shared space of features, such as alignment heads; or None.
        live: what embeds texts, pictures' and recordings' files, such as the encoders of the set; or None.
    """

    def __init__(self, d: int, model: Encoder | None, live: Encoder | None = None) -> None:
        self.d, self.model, self.live = d, model, live

    def encode(self, modality: str, inputs: Sequence[Any]) -> Float[Tensor, "n d"]:
        """Return one unit vector an input: an array is a vector, anything else is raw.

        Raises:
            ValueError: nothing is at hand that takes such an input.
            GramError: what the model or the encoder says.
        """
        if not isinstance(inputs[0], np.ndarray):
            if self.live is None:
                raise ValueError("The encoders that made this set are not at hand: ask with an item or a vector.")
            return torch.nn.functional.normalize(self.live.encode(modality, inputs), dim=-1)
        vectors = torch.from_numpy(np.stack(inputs)).float()
        if vectors.shape[1] == self.d:
            return torch.nn.functional.normalize(vectors, dim=-1)
        if self.model is None:
            raise ValueError(
                f"The vector has {vectors.shape[1]:,} numbers, and this set's have {self.d:,}: give one of its space."
            )
        return self.model.encode(modality, list(vectors))


def live_kinds(model: str) -> dict[str, str]:
    """Return what a person can give to be embedded as a set was, modality -> text, image or audio; empty if nothing.

    An upload may name any encoder, so only sets that whoever runs the app has put there are asked live.
    """
    live = _live_of(model)
    return dict(live.kinds) if live is not None else {}


def _live_of(model: str) -> "SetEncoders | None":
    if collections.current().private or "encoders" not in sets.load_set(model).info:
        return None
    return _live(sets.fingerprint(model), model)


@sets.cached(max_entries=2, show_spinner="Loading the encoders")
def _live(fingerprint: tuple[str, int], model: str) -> "SetEncoders | None":
    heads = sets.load_encoder(model) if sets.has_model(model) else None
    device = os.environ.get("GRAM_DEVICE", "auto")
    return encoders.encoders_for(sets.load_set(model), heads=heads if isinstance(heads, Heads) else None, device=device)


@st.cache_data(max_entries=256, show_spinner=False)
def rendered_sound(item_id: str, seed: int, name: str, _render: Callable[[], bytes]) -> bytes:
    """Return the rendered sound of an item, rendering it the first time; the item's seed names its recipe."""
    return _render()


def searcher(model: str, measure: str, candidates: tuple[str, ...]) -> Searcher:
    """Return a model's whole set made ready for a measure, with the model, if it is there, that embeds queries."""
    find = _searcher_on_disk if sets.is_sample(model) else _searcher
    return find(sets.fingerprint(model), model, measure, candidates)


def disagreeing_ids(
    left: tuple[str, str], right: tuple[str, str], modality: str, candidates: tuple[str, ...]
) -> list[str]:
    """Return the items that one (model, measure) finds first and the other far, furthest apart first.

    They are sought among the items of `data.load_set`.
    """
    found = [
        _ranks(sets.fingerprint(model), measure, modality, candidates, sets.load_set(model))
        for model, measure in (left, right)
    ]
    return disagreements(*found)


@sets.cached(max_entries=24, show_spinner="Preparing the gallery")
def _searcher(fingerprint: tuple[str, int], model: str, measure: str, candidates: tuple[str, ...]) -> Searcher:
    made = Searcher(sets.load_gallery(model), candidates, measure, model=_encoder_of(model))
    made.prepare()
    return made


@sets.cached(max_entries=4)  # two rankings of two lists of candidates: each list has a compressed copy
def _searcher_on_disk(fingerprint: tuple[str, int], model: str, measure: str, candidates: tuple[str, ...]) -> Searcher:
    first = _first(fingerprint, model, candidates)
    gallery = sets.load_gallery(model)
    return Searcher(gallery, candidates, measure, model=_encoder_of(model), normalize=True, share_with=first)


def _encoder_of(model: str) -> Encoder:
    loaded = sets.load_encoder(model) if sets.has_model(model) else None
    if isinstance(loaded, MultimodalModel):
        return loaded
    return AnyEncoder(sets.load_gallery(model).d, loaded, _live_of(model))


@sets.cached(max_entries=2)
def _first(fingerprint: tuple[str, int], model: str, candidates: tuple[str, ...]) -> Searcher:
    """Return the searcher with which those by other measures share the compressed copy of a set that stays on disk."""
    return Searcher(sets.load_gallery(model), candidates, normalize=True)


@sets.cached(max_entries=24, show_spinner="Ranking every item")
def _ranks(
    fingerprint: tuple[str, int], measure: str, modality: str, candidates: tuple[str, ...], _gallery: EmbeddingSet
) -> dict[str, float]:
    report = evaluate(_gallery, query=modality, candidates=list(candidates), measure=measure)
    ids = _gallery.items["id"].iloc[report.rows.tolist()]
    return dict(zip(ids.astype(str), report.ranks.tolist()))
