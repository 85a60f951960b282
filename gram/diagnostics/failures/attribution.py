"""One failure taken apart: true item and winner side by side, what single changes would do, and a plain sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch.nn.functional import cosine_similarity

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.failures import sentences as _sentences
from gram.diagnostics.failures.cases import Cases, decide, find_cases, is_hub_by_base
from gram.diagnostics.failures.statistics import CaseStatistics, GalleryStatistics, case_task, examine, examine_known
from gram.geometry import heights, volume
from gram.retrieval.task import RetrievalTask


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
        query: the modality that asks.
        candidates: the modalities of a candidate.
        measure: what ranked.
        true: the item whose query it is.
        winner: the item it is compared with.
        margin: score of the true item minus that of the winner; 0 for a tie.
        rank: of the true item among `gallery`; the average of tied places.
        gallery: how many items were ranked.
        without: candidate modality -> rank with it left out of all candidates; NaN where that leaves no score.
        rank_same_base: rank if the winner's base were the true item's; NaN but for volume.
        rank_by_height: rank by height.
        sign_flipped: the modalities of the true item's vectors that are turned away from the query.
        modality_flipped: those of them that are so in the whole set.
        rank_sign_flipped: rank with these turned into their opposites, those of whole modalities for all candidates;
            NaN if there is none.
        rank_without_hubs: rank with all hubs left out; NaN where the winner is none.
        occurrences: how many of the `asked` queries the winner is first for.
        asked: how many queries were asked to count that.
        hub_threshold: from how many on an item is first for more than chance gives any.
        median_base: median base of the gallery.
        height_limit: what nine of ten queries that are answered right stay below.
        alike: whether both have the same candidate vectors.
        rounding: change of the margin when the stored vectors are rounded another way, root mean square.
        dtype: in which they are stored.
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
        """Return the cause in plain words, built only from the numbers above."""
        return _sentences.sentence(self)


def attribute(
    embedding_set: EmbeddingSet,
    item: object,
    winner: object | None = None,
    *,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    device: str | torch.device = "auto",
    cases: Cases | None = None,
) -> Attribution:
    """Return why an item's query found another item first.

    Args:
        embedding_set: n items; vectors are used as given.
        item: id of the item whose query it is.
        winner: id of the item to compare it with; the best other one if None.
        query: name of a modality; the set's anchor if None.
        candidates: names of modalities; all but the query if None.
        measure: one of `gram.measures.names()`.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
        cases: what `find_cases` gave for the same set, query, candidates and measure: tells what is usual in the set,
            which is else worked out anew. Of an item and winner that it has, nothing is ranked again.

    Raises:
        ValueError: as `find_cases`; an item that is its own winner; cases of another task.
        EmbeddingSetError: an id that the set does not have; an item that lacks the query or too many candidates.
    """
    task = case_task(embedding_set, query, candidates, measure, device)
    at = task.position(item)
    against = None if winner is None else torch.tensor([task.position(winner)])
    if against is not None and int(against) == at:
        raise ValueError(f"winner: '{winner}' is the item itself; give another id, or none for the best other item")
    if cases is None:
        cases = find_cases(embedding_set, task.query, task.candidates, task.measure, device=device)
    asked_of = (cases.query, cases.candidates, cases.measure, cases.gallery)
    if asked_of != (task.query, task.candidates, task.measure, len(task)):
        raise ValueError(
            f"cases: expected those of {task.query} against {', '.join(task.candidates)} by {task.measure} on "
            f"{len(task):,} items, got "
            f"{cases.query} against {', '.join(cases.candidates)} by {cases.measure} on {cases.gallery:,}"
        )
    place, known = torch.tensor([at]), cases.table[cases.table["id"] == str(item)]
    if winner is not None:
        known = known[known["winner"] == str(winner)]
    if len(known):
        against = torch.tensor([task.position(known["winner"].iloc[0])])
        statistics = examine_known(task, place, against, cases.statistics, known)
        return _attribution(task, statistics, cases.statistics, *known[["cause", "at_fault"]].iloc[0])
    statistics, gallery = examine(task, place, winner=against, gallery=cases.statistics)
    return _attribution(task, statistics, gallery, *(str(each[0]) for each in decide(task, statistics, gallery)))


def _attribution(
    task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics, cause: str, at_fault: str
) -> Attribution:
    score, margin = float(statistics.score[0]), float(statistics.margin[0])
    turned = tuple(name for place, name in enumerate(task.candidates) if statistics.sign_flipped[0, place])
    return Attribution(
        query=task.query,
        candidates=task.candidates,
        measure=task.measure,
        true=_side(task, int(statistics.at[0]), int(statistics.at[0]), score),
        winner=_side(task, int(statistics.at[0]), int(statistics.winner[0]), score - margin),
        margin=margin,
        rank=float(statistics.rank[0]),
        gallery=len(task),
        without={name: float(statistics.without[0, place]) for place, name in enumerate(task.candidates)},
        rank_same_base=float(statistics.rank_same_base[0]),
        rank_by_height=float(statistics.rank_by_height[0]),
        sign_flipped=turned,
        modality_flipped=tuple(name for name in turned if name in gallery.sign_flipped),
        rank_sign_flipped=float(statistics.rank_sign_flipped[0]),
        rank_without_hubs=float(statistics.rank_without_hubs[0]),
        occurrences=int(gallery.top1_counts[statistics.winner[0]]),
        asked=gallery.asked,
        hub_threshold=gallery.hub_threshold,
        median_base=gallery.median_base,
        height_limit=gallery.height_limit,
        alike=bool(statistics.alike[0]),
        rounding=float(statistics.rounding[0]),
        dtype=str(task.others[0].dtype).removeprefix("torch."),
        hub_by_base=bool(is_hub_by_base(task, statistics, gallery)[0]),
        cause=cause,
        at_fault=at_fault,
    )


def _side(task: RetrievalTask, asked: int, place: int, score: float) -> Side:
    own = torch.stack([other[place].double() for other in task.others])
    vectors = torch.cat([task.anchors[asked].double()[None], own])
    each = dict(zip((task.query, *task.candidates), heights(vectors).tolist()))
    base, height = float(volume(own)), each[task.query]
    row, items = int(task.rows[place]), task.embedding_set.items
    return Side(
        id=str(items["id"].iloc[row]),
        label=str(items["label" if "label" in items else "id"].iloc[row]),
        row=row,
        score=score,
        base=base,
        height=height,
        volume=base * height,
        heights=each,
        cosines=dict(zip(task.candidates, cosine_similarity(vectors[:1], own, dim=1).tolist())),
        own_cosines={
            (task.candidates[a], task.candidates[b]): float(cosine_similarity(own[a], own[b], dim=0))
            for a, b in combinations(range(len(own)), 2)
        },
    )
