"""Where the playground can start: each preset makes one point, in a sentence whose numbers come from `gram`."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

import gram
from app.components.playground import State
from app.data import sets
from app.state.selection import Selection
from app.views.geometry import playground_state
from gram.plots.parallelotope import standing
from gram.plots.style import number

Vectors = Float[np.ndarray, "k 3"]


class Preset(NamedTuple):
    """A place to start from."""

    key: str
    title: str
    state: State
    sentence: str


def presets(selection: Selection) -> list[Preset]:
    """Return the presets, the one to begin with first; the last two are of the current item, drawn exactly."""
    even = standing(equal_cosines(0.5))
    close = standing(equal_cosines(math.cos(math.radians(12))))
    spread = np.array([[1.0, 0.0, 0.0], *([-0.5, side * math.sqrt(0.75), 0.0] for side in (1, -1))])
    twins = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    opposite = np.array([[0.8, 0.6, 0.0], [-0.8, -0.6, 0.0]])
    turned = np.array([[-0.5, -0.5, math.sqrt(0.5)], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    made: tuple[tuple[tuple[str, str, Vectors], str], ...] = (
        (
            ("sixty", "60° apart", even),
            "Every cosine is {cosine}. Take the third vector away (**2 vectors**): every cosine still is, but the "
            f"volume goes from {{volume}} to {number(float(gram.volume(even[:2])))}. Volumes of different k cannot be "
            "compared.",
        ),
        (
            ("orthogonal", "Orthogonal", np.eye(3)),
            "At right angles the volume is {volume}, the most that vectors of length 1 can span: they have nothing in "
            "common.",
        ),
        (
            ("aligned", "Aligned", close),
            "All within 12° of each other: volume {volume}, mean cosine {cosine}. Both measures call this a match.",
        ),
        (
            ("plane", "Spread in a plane", spread),
            "As far from each other as a plane allows, mean cosine {cosine}, and yet the volume is {volume}: it asks "
            "for dependence, not for closeness.",
        ),
        (
            ("hub", "Twins and a stranger", twins),
            "The candidate's two vectors are one: base {base}, so volume {volume}, although the anchor is at a right "
            "angle to both (height {height}). Such a candidate wins against everything: a **hub**.",
        ),
        (
            ("opposite", "Opposite", opposite),
            "A vector and its negative: volume {volume}, cosine {cosine}. The volume does not see the sign.",
        ),
        (
            ("same-volume", "Same volume", turned),
            "Volume {volume}, as with “60° apart”, but the mean cosine is {cosine} instead of "
            f"{number(_mean_cosine(even))}: what is the same to one measure is not to the other.",
        ),
    )
    return [*(_preset(*head, sentence) for head, sentence in made), *_of_item(selection)]


def equal_cosines(cosine: float, k: int = 3) -> Float[np.ndarray, "k k"]:
    """Return k unit vectors in k dimensions, every two of them at this cosine."""
    return np.linalg.cholesky(np.full((k, k), cosine) + (1 - cosine) * np.eye(k))


def _of_item(selection: Selection) -> list[Preset]:
    """Return the current item, and its anchor with what belongs to its partner, as exact coordinates."""
    embedding_set = sets.holding(selection.model, selection.item, selection.partner)
    used = [name for name in playground_state.names(selection) if name in embedding_set.modalities]
    own, other = (embedding_set.row(item) for item in (selection.item, selection.partner))
    found = []
    for key, title, row in (("item", "Your item", own), ("mismatch", "Its mismatch", other)):
        rows = [own, *[row] * (len(used) - 1)]
        vectors = np.stack([embedding_set.modalities[name][at].double().numpy() for name, at in zip(used, rows)])
        if np.isnan(vectors).any():
            continue  # a modality that the item lacks has no vector to draw
        whose = selection.item if key == "item" else selection.partner
        sentence = (
            f"The {used[0]} of {selection.item} with {' and '.join(used[1:])} of {whose}, every angle as the "
            f"{selection.model} model has it: volume {{volume}} = base {{base}} × height {{height}}."
        )
        found.append(_preset(key, title, standing(vectors), sentence))
    return found


def _preset(key: str, title: str, vectors: Sequence | Vectors, sentence: str) -> Preset:
    """Return a preset, its sentence filled with what `gram` says of its vectors."""
    vectors = np.asarray(vectors, dtype=np.float64)
    base, height = gram.base_and_height(vectors[:1], *vectors[1:, None])
    values = {
        "volume": float(gram.volume(vectors)),
        "base": float(base[0]),
        "height": float(height[0, 0]),
        "cosine": _mean_cosine(vectors),
    }
    filled = sentence.format(**{name: number(value) for name, value in values.items()})
    return Preset(key, title, State(playground_state.written(vectors), free=False), filled)


def _mean_cosine(vectors: Vectors) -> float:
    return float(gram.score("cosine", vectors[:1], *vectors[1:, None])[0, 0])
