"""Cached loading for asking the gallery, and for the sounds that cards play."""

from collections.abc import Callable

import streamlit as st

from app import data
from gram.evaluation import evaluate
from gram.retrieval import Retriever, disagreements


@st.cache_data(max_entries=256, show_spinner=False)
def rendered_sound(item_id: str, seed: int, name: str, _render: Callable[[], bytes]) -> bytes:
    """Return the rendered sound of an item, rendering it the first time; the item's seed names its recipe."""
    return _render()


@st.cache_resource(max_entries=24, show_spinner="Preparing the gallery")
def retriever(model: str, measure: str, candidates: tuple[str, ...]) -> Retriever:
    """Return a twin's test set made ready for a measure, with its model for queries that must be embedded."""
    return Retriever(data.load_set(model), candidates=candidates, measure=measure, model=data.load_model(model))


@st.cache_data(max_entries=24, show_spinner="Ranking every item")
def _ranks(model: str, measure: str, modality: str, candidates: tuple[str, ...]) -> dict[str, float]:
    gallery = data.load_set(model)
    report = evaluate(gallery, query=modality, candidates=list(candidates), measure=measure)
    ids = gallery.items["id"].iloc[report.rows.tolist()]
    return dict(zip(ids.astype(str), report.ranks.tolist()))


def disagreeing_ids(
    left: tuple[str, str], right: tuple[str, str], modality: str, candidates: tuple[str, ...]
) -> list[str]:
    """Return the items that one (model, measure) finds first and the other far, furthest apart first."""
    return disagreements(_ranks(*left, modality, candidates), _ranks(*right, modality, candidates))
