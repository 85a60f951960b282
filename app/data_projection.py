"""Cached layouts of a twin's test set, and what its points can be coloured by."""

import numpy as np
from jaxtyping import Float

from app import data, opened
from gram import evaluation, projection
from gram.embedding_set import EmbeddingSet


def layout(model: str, settings: projection.Settings) -> projection.Layout | None:
    """Return the layout that ships or was computed before, or None when it is still to be computed."""
    try:
        return _layout(data.fingerprint(model), settings, data.load_set(model))
    except LookupError:
        return None


def ranks(model: str, candidates: tuple[str, ...], measure: str) -> Float[np.ndarray, " n"]:
    """Return where each item's own candidate ranks for its anchor, in the order of the set's items; NaN if nowhere."""
    return _ranks(data.fingerprint(model), candidates, measure, data.load_set(model))


@data.cached(max_entries=16)
def _layout(
    fingerprint: tuple[str, int], settings: projection.Settings, _embedding_set: EmbeddingSet
) -> projection.Layout:
    opened.goes_with_session(projection.layout_file(settings.key(_embedding_set)))
    found = projection.find_layout(_embedding_set, settings)
    if found is None:  # an exception is not cached, so the next look sees what has been computed meanwhile
        raise LookupError(settings)
    return found


@data.cached(max_entries=32, show_spinner="Ranking all items")
def _ranks(
    fingerprint: tuple[str, int], candidates: tuple[str, ...], measure: str, _embedding_set: EmbeddingSet
) -> Float[np.ndarray, " n"]:
    report = evaluation.evaluate(
        _embedding_set, query=_embedding_set.anchor, candidates=list(candidates), measure=measure
    )
    places = np.full(len(_embedding_set), np.nan)
    places[report.rows.numpy()] = report.ranks.numpy()
    return places
