"""Why one item beats another, in one plain sentence made of their numbers."""

import math
from typing import TYPE_CHECKING

import numpy as np

from gram._ranking import TOLERANCE

if TYPE_CHECKING:
    from gram.retrieval import Hit


def reason(measure: str, first: "Hit", true: "Hit", *, asked: tuple[str, ...]) -> str:
    """Return what put the first hit before the true item under a measure.

    Under `volume` the ratio of the two volumes is the product of the ratios of their bases and of their heights;
    the sentence names the larger one. Under `height` it compares the heights, under any other the cosines.

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
        return (
            f"{query.capitalize()} lies nearer to the span of {first.label}'s vectors{_beside(joined)}: "
            f"height {first.height:.3g} against {true.height:.3g}."
        )
    return _why_cosines(first, true, query)


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
    return (
        f"The {worst} of {true.label} is what falls short: cosine {true.cosines[worst]:.3g} with {query}, "
        f"against {first.cosines[worst]:.3g} for {first.label}."
    )
