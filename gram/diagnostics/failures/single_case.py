"""One case taken apart: true item and winner side by side, and what single changes would do."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import combinations

import torch
from torch.nn.functional import cosine_similarity

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.failures.attribution import Attribution, Side
from gram.diagnostics.failures.cases import SINGLE_CHANGES, Cases, case_task, decide, find_cases, is_hub_by_base
from gram.diagnostics.failures.statistics import CaseStatistics, GalleryStatistics, examine, examine_known
from gram.geometry import heights, volume
from gram.retrieval.task import RetrievalTask


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

    Args and errors: as `find_cases`, and
        item: id of the item whose query it is.
        winner: id of the item to compare it with; the best other one if None.
        cases: what `find_cases` gave for the same set, query, candidates and measure: tells what is usual in the set,
            which is else worked out anew. Of an item and winner that it has, nothing is ranked again.

    Raises:
        ValueError: an item that is its own winner; cases of another task.
        EmbeddingSetError: an id that the set does not have; an item that lacks the query or too many candidates.
    """
    task = case_task(embedding_set, query, candidates, measure, device)
    at = task.position(item)
    against = None if winner is None else torch.tensor([task.position(winner)])
    if against is not None and int(against) == at:
        raise ValueError(f"winner: '{winner}' is the item itself; give another id, or none for the best other item")
    if cases is None:
        cases = find_cases(embedding_set, task.query, task.candidates, task.measure, device=device)
    _check_cases(cases, task)
    place, known = torch.tensor([at]), cases.table[cases.table["id"] == str(item)]
    if winner is not None:
        known = known[known["winner"] == str(winner)]
    if len(known):
        against = torch.tensor([task.position(known["winner"].iloc[0])])
        statistics = examine_known(task, place, against, cases.statistics, known)
        return _attribution(task, statistics, cases.statistics, *known[["cause", "at_fault"]].iloc[0])
    statistics, gallery = examine(task, place, winner=against, gallery=cases.statistics)
    return _attribution(task, statistics, gallery, *(str(each[0]) for each in decide(task, statistics, gallery)))


def _check_cases(cases: Cases, task: RetrievalTask) -> None:
    asked_of = (cases.query, cases.candidates, cases.measure, cases.gallery)
    if asked_of != (task.query, task.candidates, task.measure, len(task)):
        raise ValueError(
            f"cases: expected those of {task.query} against {', '.join(task.candidates)} by {task.measure} on "
            f"{len(task):,} items, got "
            f"{cases.query} against {', '.join(cases.candidates)} by {cases.measure} on {cases.gallery:,}"
        )


def _attribution(
    task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics, cause: str, at_fault: str
) -> Attribution:
    case = {field.name: getattr(statistics, field.name)[0] for field in fields(statistics)}
    at, winner, score = int(case["at"]), int(case["winner"]), float(case["score"])
    flipped = tuple(name for name, flip in zip(task.candidates, case["sign_flipped"].tolist()) if flip)
    return Attribution(
        query=task.query, candidates=task.candidates, measure=task.measure, gallery=len(task),
        true=_side(task, at, at, score), winner=_side(task, at, winner, score - float(case["margin"])),
        without=dict(zip(task.candidates, case["without"].tolist())), sign_flipped=flipped,
        modality_flipped=tuple(name for name in flipped if name in gallery.sign_flipped),
        occurrences=int(gallery.top1_counts[winner]), alike=bool(case["alike"]),
        dtype=str(task.others[0].dtype).removeprefix("torch."),
        hub_by_base=bool(is_hub_by_base(task, statistics, gallery)[0]), cause=cause, at_fault=at_fault,
        asked=gallery.asked, hub_threshold=gallery.hub_threshold, median_base=gallery.median_base,
        height_limit=gallery.height_limit,
        **{name: float(case[name]) for name in ("margin", "rank", "rounding", *SINGLE_CHANGES)},
    )  # fmt: skip


def _side(task: RetrievalTask, asked: int, place: int, score: float) -> Side:
    own = torch.stack([other[place].double() for other in task.others])
    vectors = torch.cat([task.anchors[asked].double()[None], own])
    each = dict(zip((task.query, *task.candidates), heights(vectors).tolist()))
    base, height = float(volume(own)), each[task.query]
    row, items = int(task.rows[place]), task.embedding_set.items
    return Side(
        id=str(items["id"].iloc[row]), label=str(items["label" if "label" in items else "id"].iloc[row]), row=row,
        score=score, base=base, height=height, volume=base * height, heights=each,
        cosines=dict(zip(task.candidates, cosine_similarity(vectors[:1], own, dim=1).tolist())),
        own_cosines={
            (task.candidates[a], task.candidates[b]): float(cosine_similarity(own[a], own[b], dim=0))
            for a, b in combinations(range(len(own)), 2)
        },
    )  # fmt: skip
