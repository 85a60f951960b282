"""Why one item beats another, in one plain sentence made of their numbers."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gram.retrieval.scoring import TOLERANCE

if TYPE_CHECKING:
    from gram.retrieval.answer import Hit


def reason(measure: str, first: "Hit", true: "Hit", *, asked: tuple[str, ...]) -> str:
    """Return what put the first hit before the true item under a measure.

    Under `volume` the ratio of the two volumes is the product of the ratios of their bases and of their heights;
    the sentence names the larger one. Under `pairwise-mean` it names the larger of the two parts of the difference, the
    query's cosines and the candidate's own. Under the others it compares what the score is made of.

    Args:
        measure: what ranked them.
        first: the first hit.
        true: the true item.
        asked: the modalities asked with, the anchor part first; the other parts are in every base.
    """
    if first.correct or abs(first.score - true.score) <= TOLERANCE * (1 + abs(true.score)):
        return f"{true.label} ties with others: equal scores share a rank."
    anchor, *joined = asked
    query = f"the {anchor}" if joined else "the query"
    if measure == "volume":
        return _why_volume(first, true, query, joined)
    if measure == "height":
        return _why_height(first, true, query, joined)
    if measure not in _WHY:
        return _why_cosines(first, true, query)
    if joined:  # what was asked with is part of every candidate, and a hit does not hold its cosines
        return f"Asked with {' and '.join(asked)}, {first.label} scores {first.score:.3g} against {true.score:.3g}."
    return _WHY[measure](first, true)


def _beside(joined: list[str]) -> str:
    return f" and the {' and '.join(joined)} asked with" if joined else ""


def _why_volume(first: "Hit", true: "Hit", query: str, joined: list[str]) -> str:
    nearer = f"height {first.height:.3g} against {true.height:.3g}"
    bases = f"base {first.base:.3g} against {true.base:.3g}"
    if first.base < 0.5 * true.base:
        bases += " (its own vectors are nearly dependent: a hub)" if not joined else ""
    if joined:  # a small base may mean that the item fits what was asked with
        bases += f", its vectors{_beside(joined)}"
    if true.height <= first.height:
        return (
            f"{true.label} is nearer {query}, height {true.height:.3g} against {first.height:.3g}, "
            f"yet {first.label} wins by {bases}."
        )
    tiny = np.finfo(np.float64).tiny  # a base or height of exactly 0 has no logarithm
    by_base = math.log(max(true.base, tiny) / max(first.base, tiny))
    by_height = math.log(max(true.height, tiny) / max(first.height, tiny))
    if by_base > by_height:
        return f"{first.label} wins mostly by {bases}; {nearer}."
    return f"{first.label} lies nearer {query}, {nearer}; {bases}."


def _why_height(first: "Hit", true: "Hit", query: str, joined: list[str]) -> str:
    return (
        f"{query.capitalize()} lies nearer to the span of {first.label}'s vectors{_beside(joined)}: "
        f"height {first.height:.3g} against {true.height:.3g}."
    )


def _why_largest(first: "Hit", true: "Hit") -> str:
    best, own = (max(_present(hit), key=lambda name: _present(hit)[name]) for hit in (first, true))
    return (
        f"The {best} of {first.label} alone decides: its cosine with the query is {first.score:.3g}, "
        f"against {true.score:.3g} for the {own} of {true.label}, its best."
    )


def _why_all_pairs(first: "Hit", true: "Hit") -> str:
    with_query = [sum(_present(hit).values()) / _pairs(hit) for hit in (first, true)]
    own = [hit.score - part for hit, part in zip((first, true), with_query)]
    by_query, by_own = with_query[0] - with_query[1], own[0] - own[1]
    asked = f"the query's cosines give it {with_query[0]:.3g} against {with_query[1]:.3g}"
    among = f"the cosines among its own vectors {own[0]:.3g} against {own[1]:.3g}"
    if by_own > by_query:
        hub = "" if by_query > 0 else f"; {true.label} fits the query as well or better"
        return f"{first.label} wins by how its own vectors agree: {among}, where {asked}{hub}."
    return f"{first.label} wins by how it fits the query: {asked}, {among}."


def _why_side(first: "Hit", true: "Hit") -> str:
    counts = [1 + len(_present(hit)) for hit in (first, true)]
    made = [f"(base {hit.base:.3g} × height {hit.height:.3g})^(1/{k})" for hit, k in zip((first, true), counts)]
    return f"{first.label} has the smaller side, {made[0]} = {-first.score:.3g} against {made[1]} = {-true.score:.3g}."


def _why_triangle(first: "Hit", true: "Hit") -> str:
    edges = [math.sqrt(max(0.0, 2 - 2 * hit.own_cosine)) for hit in (first, true)]
    hub = " (its own two vectors nearly coincide: a hub)" if edges[0] < 0.5 * edges[1] else ""
    return (
        f"The triangle of the query with {first.label} is the smaller: area {-first.score:.3g} against "
        f"{-true.score:.3g}; between the candidate's own two vectors lie {edges[0]:.3g} against {edges[1]:.3g}{hub}."
    )


def _why_singular(first: "Hit", true: "Hit") -> str:
    return (
        f"Query and vectors of {first.label} come nearer to one line, signs aside: largest singular value "
        f"{first.score:.3g} against {true.score:.3g}. Base {first.base:.3g} against {true.base:.3g}, "
        f"height {first.height:.3g} against {true.height:.3g}."
    )


def _why_product(first: "Hit", true: "Hit") -> str:
    return (
        f"The products of the coordinates add up to {first.score:.3g} for {first.label} and to {true.score:.3g} for "
        f"{true.label}: the sum goes by axes, and no angle tells it."
    )


def _why_cosines(first: "Hit", true: "Hit", query: str) -> str:
    behind = {name: first.cosines[name] - true.cosines[name] for name in true.cosines}
    behind = {name: gap for name, gap in behind.items() if not math.isnan(gap)}
    if not behind:
        return f"{first.label} and {true.label} have no modality in common to compare."
    cosines = [value for value in true.cosines.values() if not math.isnan(value)]
    if max(cosines) < -0.2:
        return (
            f"{true.label} points away from {query} (its best cosine is {max(cosines):.3g}): "
            "cosine counts that as far, volume ignores the sign."
        )
    worst = max(behind, key=lambda name: behind[name])
    if behind[worst] <= 0:
        return (
            f"No single modality of {true.label} falls short of {first.label}'s; "
            f"all together, {first.label} scores {first.score:.3g} against {true.score:.3g}."
        )
    return (
        f"The {worst} of {true.label} is what falls short: cosine {true.cosines[worst]:.3g} with {query}, "
        f"against {first.cosines[worst]:.3g} for {first.label}."
    )


def _present(hit: "Hit") -> dict[str, float]:
    return {name: value for name, value in hit.cosines.items() if not math.isnan(value)}


def _pairs(hit: "Hit") -> float:
    there = len(_present(hit))
    return there * (there + 1) / 2


_WHY: "dict[str, Callable[[Hit, Hit], str]]" = {
    "normalized-volume": _why_side,
    "cosine-max": _why_largest,
    "pairwise-mean": _why_all_pairs,
    "triangle": _why_triangle,
    "singular": _why_singular,
    "symile": _why_product,
}
