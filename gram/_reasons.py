"""Why one item beats another, in one plain sentence made of their numbers."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gram.retrieval import Hit


def reason(measure: str, first: "Hit", true: "Hit") -> str:
    """Return what put the first hit before the true item under a measure.

    Under `volume` the ratio of the two volumes is the product of the ratios of their bases and of their heights;
    the sentence names the larger one. Under `height` it compares the heights, under any other the cosines.
    """
    if first.correct or first.score == true.score:
        return f"{true.label} ties with others: equal scores share a rank."
    if measure == "volume":
        return _why_volume(first, true)
    if measure == "height":
        return (
            f"The query lies nearer to the span of {first.label}'s vectors: "
            f"height {first.height:.3g} against {true.height:.3g}."
        )
    return _why_cosines(first, true)


def _why_volume(first: "Hit", true: "Hit") -> str:
    nearer = f"height {first.height:.3g} against {true.height:.3g}"
    bases = f"base {first.base:.3g} against {true.base:.3g}"
    hub = " (its own vectors are nearly dependent: a hub)" if first.base < 0.5 * true.base else ""
    if true.height <= first.height:
        return (
            f"{true.label} is nearer the query, height {true.height:.3g} against {first.height:.3g}, "
            f"yet {first.label} wins by {bases}{hub}."
        )
    tiny = np.finfo(np.float64).tiny  # a base or height of exactly 0 has no logarithm
    by_base = math.log(max(true.base, tiny) / max(first.base, tiny))
    by_height = math.log(max(true.height, tiny) / max(first.height, tiny))
    if by_base > by_height:
        return f"{first.label} wins mostly by {bases}{hub}; {nearer}."
    return f"{first.label} lies nearer the query, {nearer}; {bases}."


def _why_cosines(first: "Hit", true: "Hit") -> str:
    behind = {name: first.cosines[name] - true.cosines[name] for name in true.cosines}
    behind = {name: gap for name, gap in behind.items() if not math.isnan(gap)}
    if not behind:
        return f"{first.label} and {true.label} have no modality in common to compare."
    cosines = [value for value in true.cosines.values() if not math.isnan(value)]
    if max(cosines) < -0.2:
        return (
            f"{true.label} points away from the query (its best cosine is {max(cosines):.3g}): "
            "cosine counts that as far, volume ignores the sign."
        )
    worst = max(behind, key=lambda name: behind[name])
    return (
        f"The {worst} of {true.label} is what falls short: cosine {true.cosines[worst]:.3g} with the query, "
        f"against {first.cosines[worst]:.3g} for {first.label}."
    )
