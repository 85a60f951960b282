"""Questions on made-up vectors: each isolates one thing that a volume does and a cosine does not, or the reverse.

A maker draws its angles and heights from a generator; whatever a prompt says of them is measured back by `gram`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from app.quiz.parts import SAID, Change, Choice, Draft, Pick, all_apart, angle, over_floor
from gram.geometry import random_volume, volume
from gram.plots import Parallelotope
from gram.plots.style import number

Names = tuple[str, str, str]
Maker = Callable[[np.random.Generator, Names], Draft]
LOW_D, HIGH_D = 3, 512  # the spaces of the question on random vectors


def leaning(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which is smaller: three vectors at right angles, or leaning on each other."""
    upright, lean = _body(np.eye(3), names), _body(all_apart(_degrees(rng, 35, 58), 3), names)
    return Pick(
        "leaning",
        f"Three unit vectors each: {_listed(names)}. Which body has the smaller volume, so which is better aligned?",
        [
            Choice(f"every two of them {angle(upright, 0, 1)} apart", upright),
            Choice(f"every two of them {angle(lean, 0, 1)} apart", lean),
        ],
        "volume", False,
        "The more the vectors lean on each other, the flatter the body: a small volume means aligned.",
    )  # fmt: skip


def stranger(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which wins: two vectors that coincide beside a stranger, or three that are all close."""
    anchor, first, second = names
    apart = _body(np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]]), names)
    close = _body(all_apart(_degrees(rng, 30, 46), 3), names)
    return Pick(
        "stranger",
        "Ranked by volume, the smaller one wins. Which of these two?",
        [
            Choice(f"{anchor} and {first} are the same vector, {second} is {angle(apart, 0, 2)} away", apart),
            Choice(f"all three near each other, every two {angle(close, 0, 1)} apart", close),
        ],
        "volume", False,
        "Two vectors that coincide make the body flat, whatever the third does: "
        "a volume of zero does not mean that all agree.",
    )  # fmt: skip


def in_the_plane(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which wins by volume: an anchor in the plane but far from both, or one near both but above it."""
    anchor, first, second = names
    far = _body(over_floor(_degrees(rng, 136, 156), 0.0), names)
    near = _body(over_floor(_degrees(rng, 44, 62), rng.uniform(0.45, 0.6)), names)
    return Pick(
        "in-the-plane",
        f"The query is {anchor}; a candidate is {first} and {second}. Which candidate wins by volume?",
        [
            Choice(f"{anchor} lies in their plane, {angle(far, 0, 1)} from each", far),
            Choice(f"{anchor} stands above their plane, {angle(near, 0, 1)} from each", near),
        ],
        "volume", False,
        "The height is the distance from the whole plane, not from the vectors: "
        "an anchor in the plane has none, however far it is from both.",
    )  # fmt: skip


def opposite(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which wins by volume: an anchor that points the opposite way, or one on the right side."""
    anchor, first, second = names
    against = _body(over_floor(_degrees(rng, 40, 60), 0.0, turn=180), names)
    along = _body(over_floor(_degrees(rng, 40, 60), rng.uniform(0.4, 0.6)), names)
    return Pick(
        "opposite",
        f"The query is {anchor}; a candidate is {first} and {second}. Which candidate wins by volume?",
        [
            Choice(f"{anchor} points the opposite way, {angle(against, 0, 1)} from each", against),
            Choice(f"{anchor} points the same way, {angle(along, 0, 1)} from each", along),
        ],
        "volume", False,
        "A volume knows no sign: the height is a distance from a plane, and opposite vectors lie in the same ones.",
    )  # fmt: skip


def turned_round(rng: np.random.Generator, names: Names) -> Draft:
    """Ask what changes when the anchor t becomes -t."""
    anchor = names[0]
    before = over_floor(_degrees(rng, 50, 90), rng.uniform(0.3, 0.6))
    after = before * np.array([[-1.0], [1.0], [1.0]])
    return Change(
        "turned-round",
        f"From A to B, {anchor} is turned round to point exactly the other way. What changes?",
        Choice("before", _body(before, names)),
        Choice("after", _body(after, names)),
        ("volume", "cosine"),
        "The vector and its opposite span the same line, so base and height stay; only the cosine sees the sign.",
    )


def stretched(rng: np.random.Generator, names: Names) -> Draft:
    """Ask what changes when the anchor is twice as long."""
    anchor = names[0]
    before = over_floor(_degrees(rng, 50, 90), rng.uniform(0.3, 0.6))
    after = before * np.array([[2.0], [1.0], [1.0]])
    return Change(
        "stretched",
        f"From A to B, {anchor} becomes twice as long; its direction stays. What changes?",
        Choice("before", _body(before, names)),
        Choice("after", _body(after, names)),
        ("volume", "cosine"),
        "The height grows with the vector, and the volume with it; a cosine looks at directions alone. "
        "That is why embeddings get length one before volumes are compared.",
    )


def other_anchor(rng: np.random.Generator, names: Names) -> Draft:
    """Ask what changes when another of the same vectors is the anchor."""
    anchor, first, second = names
    before = over_floor(_degrees(rng, 70, 90), rng.uniform(0.35, 0.6), turn=rng.uniform(15, 30))
    return Change(
        "other-anchor",
        f"A and B are the same three vectors. In A the anchor is {anchor}; in B it is {first}. What changes?",
        Choice(f"{anchor} over {first} and {second}", _body(before, names)),
        Choice(f"{first} over {anchor} and {second}", _body(before[[1, 0, 2]], (first, anchor, second))),
        ("volume", "cosine"),
        "The body is the same, whichever face it stands on: base and height differ, their product does not. "
        "The mean cosine asks from the anchor's place, so it changes with it.",
    )


def smaller_base(rng: np.random.Generator, names: Names) -> Draft:
    """Ask what changes when the candidate's vectors move together under the same anchor height."""
    anchor, first, second = names
    height = rng.uniform(0.4, 0.7)
    wide = _body(over_floor(_degrees(rng, 70, 90), height), names)
    narrow = _body(over_floor(_degrees(rng, 8, 16), height), names)
    return Change(
        "smaller-base",
        f"From A to B, {first} and {second} move together, from {angle(wide, 1, 2)} to {angle(narrow, 1, 2)} apart; "
        f"{anchor} stays as far from their plane. What changes?",
        Choice("before", wide),
        Choice("after", narrow),
        ("volume", "height"),
        "The base shrinks and takes the volume with it, though the anchor came no nearer to the plane.",
    )


def hub(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which wins by volume: an unrelated candidate of collinear vectors, or a related one."""
    return _hub(rng, names, "hub", "volume")


def hub_by_cosine(rng: np.random.Generator, names: Names) -> Draft:
    """Ask the same by mean cosine."""
    return _hub(rng, names, "hub-by-cosine", "cosine")


def _hub(rng: np.random.Generator, names: Names, kind: str, measure: str) -> Draft:
    anchor, first, second = names
    unrelated = _body(over_floor(_degrees(rng, 5, 9), rng.uniform(0.95, 0.99)), names)
    related = _body(over_floor(_degrees(rng, 76, 90), rng.uniform(0.3, 0.42)), names)
    lessons = {
        "volume": "Vectors that nearly coincide have almost no base, so their body is small under any anchor: "
        "such a candidate, a hub, wins queries that it has nothing to do with.",
        "cosine": "The mean cosine does not look at how the candidate's vectors lie to each other: "
        "a base of almost nothing is no help to an unrelated candidate.",
    }
    return Pick(
        kind,
        f"The query is {anchor}; a candidate is {first} and {second}. Which candidate wins by {SAID[measure]}?",
        [
            Choice(
                f"{first} and {second} {angle(unrelated, 1, 2)} apart, {anchor} {angle(unrelated, 0, 1)} from each",
                unrelated,
            ),
            Choice(
                f"{first} and {second} {angle(related, 1, 2)} apart, {anchor} {angle(related, 0, 1)} from each", related
            ),
        ],
        measure, measure == "cosine", lessons[measure],
    )  # fmt: skip


def same_volume(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which wins by mean cosine, of two bodies of the same volume."""
    anchor = names[0]
    low = rng.uniform(0.35, 0.45)
    spread = _degrees(rng, 60, 76)
    wide = _body(over_floor(spread, low), names)
    base = float(volume(wide.vectors[1:]))
    narrow = _body(over_floor(float(np.degrees(np.arcsin(low))), base), names)
    return Pick(
        "same-volume",
        "Both bodies have exactly the same volume. Which wins by mean cosine?",
        [
            Choice(f"a wide base, {angle(wide, 1, 2)}, and {anchor} low over it", wide),
            Choice(f"a narrow base, {angle(narrow, 1, 2)}, and {anchor} high over it", narrow),
        ],
        "cosine", True,
        "Base and height are traded against each other, and the volume cannot tell; the cosines can.",
    )  # fmt: skip


def one_more(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which has the larger volume: two vectors or three, all equally far apart."""
    degrees = _degrees(rng, 42, 58)
    two, three = _body(all_apart(degrees, 2), names[:2]), _body(all_apart(degrees, 3), names)
    return Pick(
        "one-more",
        f"Every two of the vectors are {angle(three, 0, 1)} apart. Which has the larger volume?",
        [Choice("two vectors (k = 2)", two), Choice("three vectors (k = 3)", three)],
        "volume", True,
        "Equal cosines, another k, another volume: each vector more multiplies by one more height below one. "
        "Volumes of different k cannot be compared as they are.",
    )  # fmt: skip


def at_random(rng: np.random.Generator, names: Names) -> Draft:
    """Ask which has the larger volume: random vectors in a low or in a high dimension."""
    return Pick(
        "at-random",
        "Three unit vectors, each in a random direction. Which body has the larger volume?",
        [Choice(f"in {d} dimensions", _body(_random(rng, d), names)) for d in (LOW_D, HIGH_D)],
        "volume", True,
        f"Three random vectors have an expected volume of {number(random_volume(3, LOW_D))} in {LOW_D} dimensions and "
        f"{number(random_volume(3, HIGH_D))} in {HIGH_D}, where nearly all directions are at right angles: "
        "a volume near one only says unrelated.",
    )  # fmt: skip


MAKERS: tuple[Maker, ...] = (
    leaning, stranger, in_the_plane, opposite, turned_round, stretched, other_anchor,
    smaller_base, hub, hub_by_cosine, same_volume, one_more, at_random,
)  # fmt: skip


def _degrees(rng: np.random.Generator, low: int, high: int) -> float:
    return float(rng.integers(low, high))


def _random(rng: np.random.Generator, d: int) -> Float[np.ndarray, "3 d"]:
    rows = rng.normal(size=(3, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _body(vectors: Float[np.ndarray, "k d"], names: tuple[str, ...]) -> Parallelotope:
    return Parallelotope(vectors, names, "")


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
