"""Cached distributions of a measure over a twin's test set."""

import numpy as np
import streamlit as st
from jaxtyping import Float

from app import data
from gram import distributions as dist
from gram.embedding_set import EmbeddingSet


def distributions(model: str, candidates: tuple[str, ...], measure: str) -> dist.Distributions:
    """Return the matched and mismatched values of a measure; treat them as read-only."""
    return _distributions(data.fingerprint(model), candidates, measure, data.load_set(model))


def mismatched_in(model: str, candidates: tuple[str, ...], measure: str, bins: range, *, limit: int) -> dist.Pairs:
    """Return the mismatched pairs in a run of bins, best aligned first, and how many there are."""
    ends = (bins.start, bins.stop)
    return _mismatched_in(data.fingerprint(model), candidates, measure, ends, limit, data.load_set(model))


def item_values(model: str, candidates: tuple[str, ...], measure: str) -> Float[np.ndarray, " n"]:
    """Return each item's matched value, in the order of the set's items; NaN where it has none."""
    embedding_set = data.load_set(model)
    found = distributions(model, candidates, measure)
    values = np.full(len(embedding_set), np.nan)
    values[found.rows] = found.matched
    return values


@st.cache_resource(max_entries=32, show_spinner="Measuring all pairs")
def _distributions(
    fingerprint: tuple[str, int], candidates: tuple[str, ...], measure: str, _embedding_set: EmbeddingSet
) -> dist.Distributions:
    return dist.distributions(_embedding_set, candidates=candidates, measure=measure)


@st.cache_data(max_entries=64, show_spinner="Finding the pairs")
def _mismatched_in(
    fingerprint: tuple[str, int],
    candidates: tuple[str, ...],
    measure: str,
    ends: tuple[int, int],
    limit: int,
    _embedding_set: EmbeddingSet,
) -> dist.Pairs:
    found = _distributions(fingerprint, candidates, measure, _embedding_set)
    return dist.mismatched_in(_embedding_set, found, range(*ends), limit=limit)
