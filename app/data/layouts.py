"""Cached layouts of a model's test set, and what its points can be coloured by."""

import os
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from app.data import collections, sets
from app.jobs.ranking import RankingJob
from gram import projection
from gram.data.embedding_set import EmbeddingSet
from gram.plots.scatter import sample_rows
from gram.retrieval import evaluate

AT_ONCE = 2**24  # pairs that are ranked while the page waits: a second or two


class Ranks(NamedTuple):
    """Where the own candidates of items rank for their anchors.

    Attributes:
        places: (n,) in the order of the set's items; NaN of an item that is not drawn or not ranked.
        among: how many items are ranked.
    """

    places: Float[np.ndarray, " n"]
    among: int


def layout(model: str, settings: projection.Settings) -> projection.Layout | None:
    """Return the layout that ships or was computed before, or None when it is still to be computed."""
    try:
        return _layout(sets.fingerprint(model), settings, sets.load_set(model))
    except LookupError:
        return None


def rank(model: str, candidates: tuple[str, ...], measure: str, item: str) -> tuple[float, int]:
    """Return where an item's own candidate ranks for its anchor, NaN if nowhere, and among how many."""
    return _rank(sets.fingerprint(model), candidates, measure, item, sets.load_set(model))


def ranks(model: str, candidates: tuple[str, ...], measure: str) -> Ranks | None:
    """Return where the own candidates of the items that a picture draws rank; None while that is still to come.

    Where there are few pairs they are ranked at once.
    """
    kept = _kept(sets.fingerprint(model), candidates, measure)
    embedding_set = sets.load_set(model)
    if not kept and len(embedding_set) * len(drawn_rows(embedding_set)) <= AT_ONCE:
        rows = drawn_rows(embedding_set)
        found, among = evaluate.ranks_of(embedding_set, rows, candidates=candidates, measure=measure)
        kept.append(_ranks(embedding_set, found.numpy(), among))
    return kept[0] if kept else None


def ranking(model: str, candidates: tuple[str, ...], measure: str) -> RankingJob:
    """Start to rank what `ranks` will then return."""
    fingerprint, embedding_set = sets.fingerprint(model), sets.load_set(model)
    kept = _kept(fingerprint, candidates, measure)
    job = RankingJob(
        embedding_set,
        drawn_rows(embedding_set).tolist(),
        candidates,
        measure,
        identity=str(fingerprint),
        on_done=lambda found, among: kept.append(_ranks(embedding_set, found, among)),
        device=os.environ.get("GRAM_DEVICE", "auto"),
    )
    return collections.works_on_open_data(job)


def drawn_rows(embedding_set: EmbeddingSet) -> Int[np.ndarray, " m"]:
    """Return the items that pictures of all modalities draw: all, or a sample."""
    return sample_rows(len(embedding_set), len(embedding_set.names))


@sets.cached(max_entries=16)
def _layout(
    fingerprint: tuple[str, int], settings: projection.Settings, _embedding_set: EmbeddingSet
) -> projection.Layout:
    collections.goes_with_session(projection.layout_file(settings.key(_embedding_set)))
    found = projection.find_layout(_embedding_set, settings)
    if found is None:  # an exception is not cached, so the next look sees what has been computed meanwhile
        raise LookupError(settings)
    return found


@sets.cached(max_entries=32)
def _kept(fingerprint: tuple[str, int], candidates: tuple[str, ...], measure: str) -> list[Ranks]:
    """Return the list that holds the ranks once they are there."""
    return []


def _ranks(embedding_set: EmbeddingSet, found: Float[np.ndarray, " m"], among: int) -> Ranks:
    places = np.full(len(embedding_set), np.nan)
    places[drawn_rows(embedding_set)] = found
    return Ranks(places, among)


@sets.cached(max_entries=256)
def _rank(
    fingerprint: tuple[str, int], candidates: tuple[str, ...], measure: str, item: str, _embedding_set: EmbeddingSet
) -> tuple[float, int]:
    row = _embedding_set.row(item)
    found, among = evaluate.ranks_of(_embedding_set, [row], candidates=candidates, measure=measure)
    return float(found[0]), among
