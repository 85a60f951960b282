"""Questions on real items of an embedding set: the item with its own vectors, with those of others, and hubs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from app.quiz.parts import MARGIN, SAID, Choice, Draft, Pick
from gram.data.embedding_set import EmbeddingSet
from gram.geometry import base_and_height, heights
from gram.measures import paired_score, score
from gram.plots import Parallelotope

AT_MOST = 2_000  # items looked through; of a longer set a sample, which the item itself is always part of
NEAREST = 200  # candidates near the item by either measure, among which two are sought on which they disagree
HUB_SHARE = 0.01  # of the items: one that beats the own candidates of so many is called a hub


@dataclass(frozen=True)
class Pool:
    """The items that have the anchor and the one or two candidate modalities, at unit length in float64.

    Attributes:
        names: the modalities, the anchor first.
        ids: of the items.
        vectors: (k, n, d).
        own: place of the current item, or of the first one where it lacks a modality.
    """

    names: tuple[str, ...]
    ids: Sequence[str]
    vectors: Float[np.ndarray, "k n d"]
    own: int

    @property
    def rest(self) -> str:
        """The candidate's modalities, in words."""
        return " and ".join(self.names[1:])

    @cached_property
    def bases(self) -> Float[np.ndarray, " n"]:
        """The base of every candidate."""
        return base_and_height(self.vectors[0, :1], *self.vectors[1:])[0]

    @cached_property
    def matched_volumes(self) -> Float[np.ndarray, " n"]:
        """The volume of every item."""
        return -paired_score("volume", self.vectors[0], *self.vectors[1:])

    @cached_property
    def matched_cosines(self) -> Float[np.ndarray, " n"]:
        """The mean cosine of every item."""
        return paired_score("cosine", self.vectors[0], *self.vectors[1:])

    def scores(self, measure: str, place: int) -> Float[np.ndarray, " n"]:
        """Return the score of one item's anchor with every candidate."""
        return score(measure, self.vectors[0, [place]], *self.vectors[1:])[0]

    def body(self, anchor: int, candidate: int) -> Parallelotope:
        """Return the body of an anchor with a candidate, which may be the same item's."""
        vectors = np.stack([self.vectors[0, anchor], *self.vectors[1:, candidate]])
        return Parallelotope(vectors, self.names, "", matched=anchor == candidate)


def pool_of(embedding_set: EmbeddingSet, candidates: Sequence[str], item: str, rng: np.random.Generator) -> Pool:
    """Return the items to ask about; it is empty where no item has all that is needed.

    Raises:
        EmbeddingSetError: no item has this id.
        ValueError: the set lacks a candidate modality.
    """
    asked = embedding_set.row(item)
    names = (embedding_set.anchor, *_two(embedding_set, candidates, asked))
    complete = np.flatnonzero(np.logical_and.reduce([embedding_set.present(name).numpy() for name in names]))
    if len(complete) > AT_MOST:
        kept = rng.choice(complete, AT_MOST, replace=False)
        complete = np.union1d(kept, [asked]) if asked in complete else np.sort(kept)
    ids = embedding_set.items["id"].astype(str).to_numpy()[complete].tolist()
    rows = np.stack([embedding_set.modalities[name][complete].double().numpy() for name in names])
    own = int(np.searchsorted(complete, asked)) if asked in complete else 0
    return Pool(names, ids, rows / np.linalg.norm(rows, axis=2, keepdims=True), own)


def _two(embedding_set: EmbeddingSet, candidates: Sequence[str], row: int) -> list[str]:
    """Return the first two candidates that the item has (three vectors can be drawn exactly), or the first ones."""
    there = [name for name in candidates if bool(embedding_set.present(name)[row])]
    return (there if len(there) > 1 else list(candidates))[:2]


def better_aligned(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask which of two items is better aligned, each with its own vectors."""
    volumes = pool.matched_volumes
    other = _any(np.abs(volumes - volumes[pool.own]) >= MARGIN, rng)
    if other is None:
        return None
    return Pick(
        "better-aligned",
        f"Two items, each {pool.names[0]} with its own {pool.rest}. Which is better aligned by volume?",
        [Choice(f"item {pool.ids[place]}", pool.body(place, place)) for place in (pool.own, other)],
        "volume", False,
        f"Here the {'height' if len(pool.names) < 3 else 'product of base and height'} tells how well "
        "an item's modalities agree.",
    )  # fmt: skip


def hardest_by_volume(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask whether an item's own candidate or the hardest clear mismatch wins by volume."""
    return _against_hardest(pool, "volume")


def hardest_by_cosine(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask whether an item's own candidate or the hardest clear mismatch wins by mean cosine."""
    return _against_hardest(pool, "cosine")


def _against_hardest(pool: Pool, measure: str) -> Draft | None:
    scores = pool.scores(measure, pool.own)
    clear = np.abs(scores - scores[pool.own]) >= MARGIN
    if not clear.any():
        return None
    other = int(np.argmax(np.where(clear, scores, -np.inf)))
    won = scores[pool.own] > scores[other]
    lesson = (
        f"The item's own win; {pool.ids[other]} is the mismatch that comes nearest with a clear difference."
        if won
        else f"A mismatch wins: a failure of the {SAID[measure]} on this set."
    )
    return _which_wins(pool, pool.own, (pool.own, other), f"hardest-by-{measure}", measure, lesson)


def _which_wins(pool: Pool, anchor: int, candidates: tuple[int, int], kind: str, measure: str, lesson: str) -> Pick:
    return Pick(
        kind,
        f"The {pool.names[0]} of item {pool.ids[anchor]} is the query. Which {pool.rest} win by {SAID[measure]}?",
        [
            Choice("its own" if place == anchor else f"those of item {pool.ids[place]}", pool.body(anchor, place))
            for place in candidates
        ],
        measure, measure == "cosine", lesson,
    )  # fmt: skip


def disagreement(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask which of two candidates wins by volume where the mean cosine says the opposite, as clearly as can be."""
    volumes, cosines = -pool.scores("volume", pool.own), pool.scores("cosine", pool.own)
    near = np.union1d(np.argsort(volumes)[:NEAREST], np.argsort(-cosines)[:NEAREST])
    nearer = volumes[near][None] - volumes[near][:, None]  # [i, j]: by how much i wins by volume
    liker = cosines[near][None] - cosines[near][:, None]  # [i, j]: by how much j wins by mean cosine
    clearest = np.minimum(nearer, liker)
    first, second = np.unravel_index(int(np.argmax(clearest)), clearest.shape)
    lesson = "Both are right by their own rule: the one asks for the plane, the other for the directions."
    places = (int(near[first]), int(near[second]))
    return _which_wins(pool, pool.own, places, "disagreement", "volume", lesson)


def smallest_base(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask whether the candidate with the smallest base of all beats an own one that it is less like by mean cosine."""
    smallest = int(np.argmin(pool.bases))
    anchors = np.delete(np.arange(len(pool.ids)), smallest)
    parts = [rows[[smallest]] for rows in pool.vectors[1:]]
    volumes = -score("volume", pool.vectors[0, anchors], *parts)[:, 0] - pool.matched_volumes[anchors]
    cosines = score("cosine", pool.vectors[0, anchors], *parts)[:, 0] - pool.matched_cosines[anchors]
    beaten = anchors[(volumes <= -MARGIN) & (cosines <= -MARGIN)]
    if len(pool.names) < 3 or not len(beaten):
        return None
    place = pool.own if pool.own in beaten else int(rng.choice(beaten))
    wins = int((volumes < 0).sum())
    lesson = (
        f"The {pool.rest} of {pool.ids[smallest]} have the smallest base of all "
        f"{len(pool.ids):,} looked at, which puts them before the own ones of {wins:,} of the others"
        f"{': a hub' if wins >= HUB_SHARE * len(anchors) else ''}."
    )
    return _which_wins(pool, place, (place, smallest), "smallest-base", "volume", lesson)


def largest_height(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask which modality of an item stands highest over its others."""
    if len(pool.names) < 3:
        return None
    each = np.sort(heights(pool.vectors.transpose(1, 0, 2)), axis=1)
    clear = each[:, -1] - each[:, -2] >= MARGIN
    place = pool.own if clear[pool.own] else _any(clear, rng)
    if place is None:
        return None
    orders = [(index, *(other for other in range(3) if other != index)) for index in range(3)]
    return Pick(
        "largest-height",
        f"One body, the {pool.names[0]}, {pool.rest} of item {pool.ids[place]}, standing on each of its faces. "
        "Which modality has the largest height over the other two?",
        [
            Choice(
                pool.names[order[0]],
                Parallelotope(pool.vectors[list(order), place], [pool.names[i] for i in order], ""),
            )
            for order in orders
        ],
        "height", True,
        "The volume is the same each time, so the largest height stands on the smallest base: "
        "the modality that agrees least with the others.",
    )  # fmt: skip


def fixed_candidate(pool: Pool, rng: np.random.Generator) -> Draft | None:
    """Ask which of three anchors wins one item's candidate by volume: the base is the same for all."""
    volumes = -score("volume", pool.vectors[0], *(rows[[pool.own]] for rows in pool.vectors[1:]))[:, 0]
    second = _nearest_clear(volumes, [pool.own])
    third = _any(np.minimum(np.abs(volumes - volumes[pool.own]), np.abs(volumes - volumes[second or 0])) >= MARGIN, rng)
    places = [place for place in (pool.own, second, third) if place is not None]
    if len(places) < 2:
        return None
    return Pick(
        "fixed-candidate",
        f"The {pool.rest} of item {pool.ids[pool.own]} are given. Which {pool.names[0]} wins by volume?",
        [
            Choice(f"{pool.names[0]} of item {pool.ids[place]}", pool.body(place, pool.own))
            for place in places
        ],
        "volume", False,
        "The candidate is the same, so its base cancels: ranking anchors by volume is ranking them by height alone.",
    )  # fmt: skip


ItemMaker = Callable[[Pool, np.random.Generator], Draft | None]
ITEM_MAKERS: tuple[ItemMaker, ...] = (
    better_aligned, hardest_by_volume, hardest_by_cosine, largest_height, fixed_candidate, disagreement, smallest_base,
)  # fmt: skip


def _nearest_clear(values: Float[np.ndarray, " n"], taken: list[int]) -> int | None:
    clear = np.all(np.abs(values[:, None] - values[taken]) >= MARGIN, axis=1)
    return int(np.argmin(np.where(clear, values, np.inf))) if clear.any() else None


def _any(allowed: Bool[np.ndarray, " n"], rng: np.random.Generator) -> int | None:
    places = np.flatnonzero(allowed)
    return int(rng.choice(places)) if len(places) else None
