"""Predict, then look: a deck of questions that teach why a volume is not a cosine.

Every answer and every number of a question is computed by `gram` from the vectors that it shows. Some vectors are
made up, each to isolate one thing; others are those of real items of an embedding set. No question is a near tie:
the answer is ahead by at least `MARGIN`, or vectors are drawn again.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.quiz.items import ITEM_MAKERS, pool_of
from app.quiz.made import MAKERS, Names
from app.quiz.parts import MARGIN, SAID, SAME, Change, Choice, Draft, Pick, Values, values_of
from gram.data.embedding_set import EmbeddingSet
from gram.plots import Parallelotope, number

__all__ = ["MARGIN", "SAID", "Question", "Values", "deck", "values_of"]

ORDER = (
    "leaning", "better-aligned", "stranger", "hardest-by-volume", "hardest-by-cosine", "in-the-plane", "opposite",
    "turned-round", "stretched", "other-anchor", "largest-height", "smaller-base", "hub", "hub-by-cosine",
    "smallest-base", "fixed-candidate", "disagreement", "same-volume", "one-more", "at-random",
)  # fmt: skip
_TRIES = 200  # a maker's ranges give a clear case nearly every time


@dataclass(frozen=True, eq=False)
class Question:
    """One question with its picture, its options, and the answer with its reason.

    Attributes:
        id: of its kind; one a deck.
        prompt: what is asked, in plain words, with the numbers that it needs.
        bodies: what is drawn, titled A, B, C.
        options: the labels to choose from, in the order in which they are shown.
        answer: index of the right option.
        measures: what is asked about: fields of `Values`.
        explanation: why, in words and with the numbers, by volume = base x height.
        real: whether the vectors are those of real items.
    """

    id: str
    prompt: str
    bodies: tuple[Parallelotope, ...]
    options: tuple[str, ...]
    answer: int
    measures: tuple[str, ...]
    explanation: str
    real: bool

    @property
    def asks_for_a_body(self) -> bool:
        """Whether option i is body i; else the options are statements on all of them."""
        return len(self.options) == len(self.bodies)

    @property
    def values(self) -> tuple[Values, ...]:
        """Volume, base, height and mean cosine of each body."""
        return tuple(values_of(body) for body in self.bodies)


def deck(embedding_set: EmbeddingSet, candidates: Sequence[str], item: str, seed: int = 0) -> list[Question]:
    """Return the questions on a set and one of its items, from easy to subtle.

    The 13 kinds on made-up vectors are always there. Up to 7 more ask about the item and others of the set, with the
    anchor and the first two of the candidates that the item has; a kind of which the set holds no clear case is left
    out (with one candidate modality, those that need a base). Where the item lacks the anchor, or has fewer of the
    candidates than the rest, they ask about the first item that has all. Equal arguments give equal questions.

    Args:
        embedding_set: the items; its vectors may have any length.
        candidates: one or more modalities that make up a candidate, without the anchor.
        item: id of the item.
        seed: draws the made-up vectors, the other items, and the order of the options.

    Raises:
        EmbeddingSetError: no item has this id.
        ValueError: no candidate, one that the set lacks or that is the anchor, or a negative seed.
    """
    if not candidates or embedding_set.anchor in candidates:
        raise ValueError(
            f"candidates: expected modalities other than the anchor, {embedding_set.anchor}; got {list(candidates)}"
        )
    if seed < 0:
        raise ValueError(f"seed: expected a whole number of at least 0, got {seed}")
    pool = pool_of(embedding_set, candidates, item, _generator(seed, "pool"))
    first, second, third = (*dict.fromkeys((*pool.names, *embedding_set.names)), "another", "a third")[:3]
    names = first, second, third
    drafts = [_clear(make, names, _generator(seed, make.__name__)) for make in MAKERS]
    found = [make(pool, _generator(seed, make.__name__)) for make in ITEM_MAKERS] if pool.ids else []
    real = [draft for draft in found if draft is not None and draft.is_clear()]
    asked = [_question(draft, seed, real=draft in real) for draft in (*drafts, *real)]
    return sorted(asked, key=lambda question: ORDER.index(question.id))


def _generator(seed: int, name: str) -> np.random.Generator:
    """Return a generator of its own for each kind, so that one kind more leaves the others as they are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _clear(make: Callable[[np.random.Generator, Names], Draft], names: Names, rng: np.random.Generator) -> Draft:
    """Return a draft without a near tie, drawing again where there is one."""
    for _ in range(_TRIES):
        draft = make(rng, names)
        if draft.is_clear():
            return draft
    raise AssertionError(f"{make.__name__}: no clear case in {_TRIES} draws; its ranges are too narrow")


def _question(draft: Draft, seed: int, *, real: bool) -> Question:
    rng = _generator(seed, f"order of {draft.id}")
    return _picked(draft, rng, real) if isinstance(draft, Pick) else _changed(draft, rng, real)


def _picked(draft: Pick, rng: np.random.Generator, real: bool) -> Question:
    choices = [draft.choices[place] for place in rng.permutation(len(draft.choices))]
    bodies = _titled(choices)
    values = [values_of(body) for body in bodies]
    asked = [each.of(draft.measure) for each in values]
    answer = int(np.argmax(asked) if draft.largest else np.argmin(asked))
    others = " and ".join(f"{number(value)} in {bodies[i].title}" for i, value in enumerate(asked) if i != answer)
    verdict = (
        f"{bodies[answer].title}: its {SAID[draft.measure]}, {number(asked[answer])}, is "
        f"{'larger' if draft.largest else 'smaller'} than {others}."
    )
    explanation = " ".join(
        (verdict, _identities(bodies, values), *_otherwise(draft, bodies, values, answer), draft.lesson)
    )
    options = tuple(choice.text for choice in choices)
    return Question(draft.id, draft.prompt, bodies, options, answer, (draft.measure,), explanation, real)


def _otherwise(draft: Pick, bodies: Sequence[Parallelotope], values: Sequence[Values], answer: int) -> Sequence[str]:
    """Return a sentence on the body that the other of volume and cosine prefers, where it is clearly another one."""
    if (draft.measure, draft.largest) not in (("volume", False), ("cosine", True)) or len(bodies) > 2:
        return ()
    other = "cosine" if draft.measure == "volume" else "volume"
    theirs, ours = values[1 - answer].of(other), values[answer].of(other)
    ahead = theirs - ours if other == "cosine" else ours - theirs
    if ahead < MARGIN:
        return ()
    return (f"By {SAID[other]} {bodies[1 - answer].title} wins, {number(theirs)} against {number(ours)}.",)


def _changed(draft: Change, rng: np.random.Generator, real: bool) -> Question:
    bodies = _titled(draft.choices)
    values = [values_of(body) for body in bodies]
    first, second = (SAID[measure] for measure in draft.measures)
    said = (f"Only the {first}", f"Only the {second}", f"Both {first} and {second}", "Neither of the two")
    here, there = (difference > SAME for difference in draft.differences())
    right = {(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[here, there]
    order = rng.permutation(len(said)).tolist()
    verdict = " ".join(
        f"The {SAID[measure]} {_from_to(values[0].of(measure), values[1].of(measure), changes)}."
        for measure, changes in zip(draft.measures, (here, there))
    )
    explanation = f"{verdict} {_identities(bodies, values)} {draft.lesson}"
    options = tuple(said[place] for place in order)
    return Question(draft.id, draft.prompt, bodies, options, order.index(right), draft.measures, explanation, real)


def _titled(choices: Sequence[Choice]) -> tuple[Parallelotope, ...]:
    return tuple(replace(choice.body, title=title) for title, choice in zip("ABC", choices))


def _from_to(before: float, after: float, changes: bool) -> str:
    return f"goes from {number(before)} to {number(after)}" if changes else f"stays {number(before)}"


def _identities(bodies: Sequence[Parallelotope], values: Sequence[Values]) -> str:
    """Return volume = base x height of each body."""
    each = ", ".join(
        f"{body.title} {number(value.volume)} = {number(value.base)} × {number(value.height)}"
        for body, value in zip(bodies, values)
    )
    return f"Volume = base × height: {each}."
