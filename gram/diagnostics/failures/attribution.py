"""One failure taken apart, true item and winner side by side, and its cause as a plain sentence.

A sentence is made of the numbers of its attribution and of nothing else. It says "the tones modality", as some names
are plural.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gram import measures
from gram.diagnostics.dataset.context import join_names

_COLLINEAR = 0.9  # two vectors with a cosine beyond this, either way, are called nearly collinear


@dataclass(frozen=True, kw_only=True)
class Side:
    """An item as a candidate for the query.

    Attributes:
        id: the item's id.
        label: what it is called.
        row: its row in the set.
        score: higher = better aligned.
        base: volume of its own candidate vectors.
        height: distance of the query from their span.
        volume: base times height.
        heights: of each modality, the query's first, over the span of all the others; NaN if it is missing.
        cosines: of the query with each candidate modality; NaN if it is missing.
        own_cosines: of each two candidate modalities; NaN if one is missing.
    """

    id: str
    label: str
    row: int
    score: float
    base: float
    height: float
    volume: float
    heights: Mapping[str, float]
    cosines: Mapping[str, float]
    own_cosines: Mapping[tuple[str, str], float]

    @property
    def missing(self) -> tuple[str, ...]:
        """The candidate modalities that the item lacks."""
        return tuple(name for name, value in self.cosines.items() if value != value)


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Why an item's query found another item first, in numbers.

    Attributes:
        query: the query modality.
        candidates: the candidate modalities.
        measure: name of the measure.
        true: the item whose query it is.
        winner: the item it is compared with.
        margin: score of the true item minus that of the winner; 0 for a tie.
        rank: of the true item among `gallery`; the average of tied places.
        gallery: how many items were ranked.
        without: candidate modality -> rank with it left out of all candidates; NaN where that leaves no score.
        rank_same_base: rank if the winner's base were the true item's; NaN but for volume.
        rank_by_height: rank by height.
        sign_flipped: the modalities whose vector of the true item points away from the query.
        modality_flipped: those of them that point away in the whole set.
        rank_sign_flipped: rank with these flipped, those of whole modalities for all candidates; NaN if there is none.
        rank_without_hubs: rank with all hubs left out; NaN where the winner is none.
        occurrences: number of queries, of `asked`, for which the winner is first.
        asked: number of queries behind `occurrences`.
        hub_threshold: smallest number of queries won that chance does not explain.
        median_base: median base of the gallery.
        height_limit: 90 % quantile of the heights of queries answered right.
        alike: whether both have the same candidate vectors.
        rounding: change of the margin when the stored vectors are rounded another way, root mean square.
        dtype: of the stored vectors.
        hub_by_base: whether the winner's small base is what makes it win.
        cause: one of `gram.diagnostics.CAUSES`.
        at_fault: a modality, or "".
    """

    query: str
    candidates: tuple[str, ...]
    measure: str
    true: Side
    winner: Side
    margin: float
    rank: float
    gallery: int
    without: Mapping[str, float]
    rank_same_base: float
    rank_by_height: float
    sign_flipped: tuple[str, ...]
    modality_flipped: tuple[str, ...]
    rank_sign_flipped: float
    rank_without_hubs: float
    occurrences: int
    asked: int
    hub_threshold: int
    median_base: float
    height_limit: float
    alike: bool
    rounding: float
    dtype: str
    hub_by_base: bool
    cause: str
    at_fault: str

    def sentence(self) -> str:
        """Return the cause in plain words, built only from the numbers above, in one to three sentences."""
        if self.cause == "right":
            return f"{self.true.label} is first: it scores {_n(self.margin)} more than {self.winner.label}."
        if self.margin > 0:
            return (
                f"{self.true.label} scores {_n(self.margin)} more than {self.winner.label}, yet is only "
                f"{_place(self.rank)}: others come before it."
            )
        return _SENTENCES[self.cause](self)


def _duplicate(of: Attribution) -> str:
    if of.alike:
        same = join_names(of.candidates)
        return f"{of.winner.label} has the same {same} as the true item: no measure tells the two apart."
    return f"{of.winner.label} ties with the true item: both score {_n(of.true.score)}."


def _unresolved(of: Attribution) -> str:
    if of.margin == 0:
        return (
            f"Both score 0, as near as {of.dtype} can tell: with the query, the vectors of either item are dependent, "
            "and nothing is left to rank by."
        )
    return (
        f"The two scores differ by {_n(-of.margin)}, and rounding the stored {of.dtype} vectors another way changes "
        f"that by about {_n(of.rounding)}: rounding decides who is first."
    )


def _missing(of: Attribution) -> str:
    first = f"With {of.at_fault} left out of all candidates, the true item is first."
    if of.at_fault not in of.true.missing:
        return f"The winner lacks its {of.at_fault} and is judged by the rest. {first}"
    said = f"The true item lacks its {join_names(of.true.missing)} and is judged by the rest"
    said += ", and so is the winner." if set(of.true.missing) == set(of.winner.missing) else "."
    return f"{said} {first}" if of.without[of.at_fault] == 1 else said


def _hub(of: Attribution) -> str:
    counted = f"it is first for {of.occurrences:,} of {of.asked:,} queries"
    if not of.hub_by_base:
        said = (
            f"This winner is a hub: {counted}, where chance hardly gives any item {of.hub_threshold:,} or more. "
            "Without the items of that kind the true item is first."
        )
        if measures.get(of.measure).uses_candidate_base and of.winner.base < of.median_base:
            said += f" Its own vectors span less than usual: base {_n(of.winner.base)}, median {_n(of.median_base)}."
        return said
    bases = f"base {_n(of.winner.base)} against {_n(of.true.base)}"
    cosines = {pair: value for pair, value in of.winner.own_cosines.items() if not math.isnan(value)}
    pair = max(cosines, key=lambda each: abs(cosines[each]), default=())
    if pair and abs(cosines[pair]) > _COLLINEAR:
        why = f"its own {join_names(pair)} are nearly collinear (cosine {cosines[pair]:.3f}, {bases})"
    else:
        why = f"its own vectors span little ({bases}, median {_n(of.median_base)})"
    if of.rank_same_base == 1:
        change = "with the true item's base in place of the winner's, the true item is first."
    elif of.rank_by_height == 1:
        change = "by height, which leaves the base out, it is first."
    else:
        change = (
            f"by height, which leaves the base out, it is before this winner, though only {_place(of.rank_by_height)}."
        )
    return (
        f"This winner is a hub: {why}, and {counted}. The query is no farther from the true item, height "
        f"{_n(of.true.height)} against {_n(of.winner.height)}: {change}"
    )


def _sign(of: Attribution) -> str:
    cosines = ", ".join(f"{name} {of.true.cosines[name]:.2f}" for name in of.sign_flipped)
    if of.at_fault == of.query:
        return (
            f"The query is turned away from every vector of the true item (cosines: {cosines}). Turned into its "
            "opposite, it finds the true item first."
        )
    if of.modality_flipped:
        whole = join_names(of.modality_flipped)
        return (
            f"In the whole set, {whole} and the query point opposite ways; here the cosines are: {cosines}. With "
            f"{join_names(of.sign_flipped)} turned into the opposite, the true item is first."
        )
    one = ("vector", "points", "cosine", "it makes")
    vectors, point, what, they_make = one if len(of.sign_flipped) == 1 else ("vectors", "point", "cosines", "they make")
    return (
        f"The true item's {vectors} for {join_names(of.sign_flipped)} {point} away from the query ({what}: {cosines}). "
        f"Flipped, {they_make} the true item first."
    )


def _modality(of: Attribution) -> str:
    said = f"The {of.at_fault} modality is at fault: without it the true item is first, with it {_place(of.rank)}."
    also = [name for name, rank in of.without.items() if rank == 1 and name != of.at_fault]
    if also:
        said += f" It is first without {join_names(also, 'or')}, too, but less far ahead."
    return said + _how_far(of)


def _how_far(of: Attribution) -> str:
    """Return how far the modality at fault is off: by its cosine, or by its distance where the measure sees no sign."""
    if measures.get(of.measure).compares_by_span:
        mine, theirs, what = of.true.heights, of.winner.heights, "distance from the span of the other vectors and the"
        worse = mine[of.at_fault] > theirs[of.at_fault]
    else:
        mine, theirs, what = of.true.cosines, of.winner.cosines, "cosine with the"
        worse = mine[of.at_fault] < theirs[of.at_fault]
    if not worse:
        return ""
    return (
        f" Its {what} query is {_n(mine[of.at_fault])} for the true item and {_n(theirs[of.at_fault])} for the winner."
    )


def _query(of: Attribution) -> str:
    far = (
        f"The query is at fault: the true item's own vectors agree no worse than usual (base {_n(of.true.base)}, "
        f"median {_n(of.median_base)}), but the {of.query} is {_n(of.true.height)} off their span; nine of ten queries "
        f"that are answered right stay below {_n(of.height_limit)}."
    )
    if of.winner.height > of.height_limit:
        return f"{far} It is near neither item: {_n(of.winner.height)} off the winner's, too."
    return f"{far} To the winner it is near: {_n(of.winner.height)}."


def _several(of: Attribution) -> str:
    if len(of.candidates) == 1:
        name = of.candidates[0]
        return (
            f"The query's cosine is {of.true.cosines[name]:.3f} with its own {name} and {of.winner.cosines[name]:.3f} "
            "with the winner's; of two vectors nothing tells which one is off."
        )
    said = f"The true item is {_place(of.rank)}"
    ranks = [f"{_place(rank)} without {name}" for name, rank in of.without.items() if not math.isnan(rank)]
    said += f", and leaving out one modality does not make it first: {join_names(ranks)}." if ranks else "."
    if of.rank_by_height == 1 and of.measure != "height":
        said += (
            f" By height it is first, {_n(of.true.height)} against {_n(of.winner.height)} for the winner: the query "
            "lies near the span of its vectors, which this measure does not reward."
        )
    if of.occurrences >= of.hub_threshold:
        said += f" The winner is first for {of.occurrences:,} of {of.asked:,} queries."
    return said


def _n(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _place(rank: float) -> str:
    return f"rank {rank:,.1f}".removesuffix(".0")


_SENTENCES: dict[str, Callable[[Attribution], str]] = {
    "duplicate": _duplicate,
    "unresolved": _unresolved,
    "missing modality": _missing,
    "hub": _hub,
    "sign": _sign,
    "modality": _modality,
    "query": _query,
    "several": _several,
}
