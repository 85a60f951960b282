"""What questions are made of: bodies with their values, and how a clear difference is told from a near tie."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gram.geometry import base_and_height, gram_matrix, volume
from gram.measures import paired_score
from gram.plots import Parallelotope

MARGIN = 0.05  # what a person can see and the three digits shown cannot blur: less than this is a near tie
SAME = 1e-9  # float64 rounding of values around 1 stays far below this
SAID = {"volume": "volume", "base": "base", "height": "height", "cosine": "mean cosine"}


class Values(NamedTuple):
    """The sizes of one body: volume = base x height, and the mean cosine of the anchor with the others."""

    volume: float
    base: float
    height: float
    cosine: float

    def of(self, measure: str) -> float:
        """Return the value of this name."""
        return float(getattr(self, measure))


def values_of(body: Parallelotope) -> Values:
    """Return the values of a body, all from `gram` and in float64 where its vectors are."""
    anchor, others = body.vectors[:1], body.vectors[1:, None]
    base, height = base_and_height(anchor, *others)
    cosine = paired_score("cosine", anchor, *others)
    return Values(float(volume(body.vectors)), float(base[0]), float(height[0, 0]), float(cosine[0]))


class Choice(NamedTuple):
    """A body to choose, and what it is in a few words."""

    text: str
    body: Parallelotope


class Pick(NamedTuple):
    """A question to which the answer is a body: the one with the smallest, or the largest, value.

    Attributes:
        id: of the kind; one a deck.
        prompt: what is asked, in words.
        choices: two or three; they are shown in any order.
        measure: a field of `Values`.
        largest: whether the largest value is the answer.
        lesson: the sentence that the answer teaches.
    """

    id: str
    prompt: str
    choices: Sequence[Choice]
    measure: str
    largest: bool
    lesson: str

    def is_clear(self) -> bool:
        """Return whether the best value is far from the next."""
        values = sorted(values_of(choice.body).of(self.measure) for choice in self.choices)
        return values[-1] - values[-2] >= MARGIN if self.largest else values[1] - values[0] >= MARGIN


class Change(NamedTuple):
    """A question to which the answer is which of two values differ from the first body to the second.

    Attributes:
        id: of the kind; one a deck.
        prompt: what is asked, in words that call the bodies A and B.
        before: body A.
        after: body B.
        measures: two fields of `Values`.
        lesson: the sentence that the answer teaches.
    """

    id: str
    prompt: str
    before: Choice
    after: Choice
    measures: tuple[str, str]
    lesson: str

    @property
    def choices(self) -> tuple[Choice, Choice]:
        """Both bodies, A first."""
        return self.before, self.after

    def differences(self) -> tuple[float, float]:
        """Return by how much each of the two values differs."""
        before, after = (values_of(choice.body) for choice in self.choices)
        first, second = self.measures
        return abs(after.of(first) - before.of(first)), abs(after.of(second) - before.of(second))

    def is_clear(self) -> bool:
        """Return whether each value either changes visibly or not at all."""
        return all(difference <= SAME or difference >= MARGIN for difference in self.differences())


Draft = Pick | Change


def angle(body: Parallelotope, first: int, second: int) -> str:
    """Return the angle between two vectors of a body in whole degrees, as it is written."""
    products = gram_matrix(body.vectors)
    cosine = float(products[first, second]) / math.sqrt(float(products[first, first] * products[second, second]))
    return f"{math.degrees(math.acos(min(1.0, max(-1.0, cosine)))):.0f}°"


def over_floor(spread: float, height: float, *, turn: float = 0.0, length: float = 1.0) -> Float[np.ndarray, "3 3"]:
    """Return an anchor of a given height over two unit vectors that are `spread` degrees apart.

    The anchor is first; its foot points `turn` degrees away from the middle between the other two.
    """
    half, foot = math.radians(spread / 2), math.sqrt(max(0.0, 1 - height**2))
    away = math.radians(turn)
    anchor = [foot * math.cos(away), foot * math.sin(away), height]
    others = [[math.cos(half), side * math.sin(half), 0.0] for side in (-1, 1)]
    return np.array([[length * part for part in anchor], *others])


def all_apart(degrees: float, k: int) -> Float[np.ndarray, "k k"]:
    """Return k unit vectors, every two of them `degrees` apart (up to 90)."""
    cosines = np.full((k, k), math.cos(math.radians(degrees)))
    np.fill_diagonal(cosines, 1.0)
    return np.linalg.cholesky(cosines)
