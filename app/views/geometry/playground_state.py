"""The playground's vectors as a short text for the URL, "1,0,0;0,1,0": read with care, written with four decimals."""

import math

import numpy as np
from jaxtyping import Float

from app.components.playground import State
from app.data import sets
from app.state.selection import Selection
from gram.plots.style import number

LONGEST, SHORTEST = 2.0, 0.02
_EXAMPLE = "vectors=1,0,0;0,1,0;0,0,1"


def parse(text: str, *, free: bool) -> State:
    """Return the state that a link describes.

    Args:
        text: two or three vectors, three numbers each.
        free: whether their lengths are as given; else each is brought to length 1.

    Raises:
        ValueError: when the text is not of that form, a number is not finite, or a length out of range; one line
            that says what a link may hold.
    """
    rows = [row.split(",") for row in text[:1000].split(";")]
    if not 2 <= len(rows) <= 3 or any(len(row) != 3 for row in rows):
        raise ValueError(f"The link must hold two or three vectors of three numbers each, such as {_EXAMPLE}.")
    try:
        vectors = np.array([[float(value) for value in row] for row in rows])
    except ValueError as error:
        raise ValueError(f"The link's vectors must be numbers, such as {_EXAMPLE}.") from error
    lengths = [math.hypot(*row) for row in vectors.tolist()]
    for length in lengths:
        if not SHORTEST <= length <= LONGEST + 1e-3:  # NaN is neither
            raise ValueError(
                f"The link has a vector of length {number(length)}; give lengths from {SHORTEST:g} to {LONGEST:g}."
            )
    return State(written(vectors if free else vectors / np.array(lengths)[:, None]), free)


def written(vectors: Float[np.ndarray, "k 3"]) -> str:
    """Return vectors as the text of a link, to four decimals, as the component writes them."""
    return ";".join(",".join(f"{value + 0.0:.4f}".rstrip("0").rstrip(".") for value in row) for row in vectors.round(4))


def names(selection: Selection) -> list[str]:
    """Return the names of the playground's three vectors: the anchor and two candidate modalities, where there are."""
    embedding_set = sets.load_set(selection.model)
    others = [*selection.candidates, *(name for name in embedding_set.names if name not in selection.candidates)]
    found = [embedding_set.anchor, *(name for name in others if name != embedding_set.anchor)]
    return [*found, "second", "third"][:3]
