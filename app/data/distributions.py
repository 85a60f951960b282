"""Cached distributions of a measure over a model's test set."""

import numpy as np
from jaxtyping import Float

from app.data import sets
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval import distributions as dist


def distributions(
    model: str, candidates: tuple[str, ...], measure: str, span: tuple[float, float] | None = None
) -> dist.Distributions:
    """Return the matched and mismatched values of a measure, in bins over `span`; treat them as read-only."""
    return _distributions(sets.fingerprint(model), candidates, measure, span, sets.load_set(model))


def on_one_axis(models: tuple[str, ...], candidates: tuple[str, ...], measure: str) -> dict[str, dist.Distributions]:
    """Return the distributions of several models, in the same bins."""
    found = {model: distributions(model, candidates, measure) for model in models}
    ends = {(float(each.edges[0]), float(each.edges[-1])) for each in found.values()}
    if len(ends) == 1:
        return found
    span = min(low for low, _ in ends), max(high for _, high in ends)
    return {model: distributions(model, candidates, measure, span) for model in models}


def mismatched_in(model: str, found: dist.Distributions, bins: range, *, limit: int) -> dist.Pairs:
    """Return the mismatched pairs in a run of bins of `found`, best aligned first, and how many there are."""
    values = tuple(found.edges[[bins.start, bins.stop]].tolist())
    ends = (bins.start, bins.stop)
    return _mismatched_in(
        sets.fingerprint(model), found.candidates, found.measure, values, ends, limit, found, sets.load_set(model)
    )


def item_values(model: str, candidates: tuple[str, ...], measure: str) -> Float[np.ndarray, " n"]:
    """Return each item's matched value, in the order of the set's items; NaN where it has none."""
    return _item_values(sets.fingerprint(model), candidates, measure, sets.load_set(model))


@sets.cached(max_entries=32)
def _item_values(
    fingerprint: tuple[str, int], candidates: tuple[str, ...], measure: str, _embedding_set: EmbeddingSet
) -> Float[np.ndarray, " n"]:
    return dist.matched_values(_embedding_set, candidates=candidates, measure=measure)


@sets.cached(max_entries=32, show_spinner="Measuring all pairs")
def _distributions(
    fingerprint: tuple[str, int],
    candidates: tuple[str, ...],
    measure: str,
    span: tuple[float, float] | None,
    _embedding_set: EmbeddingSet,
) -> dist.Distributions:
    return dist.distributions(_embedding_set, candidates=candidates, measure=measure, span=span)


@sets.cached(max_entries=64, show_spinner="Finding the pairs")
def _mismatched_in(
    fingerprint: tuple[str, int],
    candidates: tuple[str, ...],
    measure: str,
    values: tuple[float, ...],
    ends: tuple[int, int],
    limit: int,
    _found: dist.Distributions,
    _embedding_set: EmbeddingSet,
) -> dist.Pairs:
    return dist.mismatched_in(_embedding_set, _found, range(*ends), limit=limit)
