"""Statistics of a retrieval's cases: true item against winner, and what single changes would make of the ranking."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.stats
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.failures.scan import Scan, own_scores, paired, ranks, scan
from gram.errors import EmbeddingSetError
from gram.geometry import volume
from gram.retrieval.scoring import BLOCK
from gram.retrieval.task import RetrievalTask

_CHANCE = 0.01  # how likely chance makes a hub of any item of a gallery
_FLIP_CHANCE = 1e-4  # how likely two random directions have a cosine so negative that it counts as turned away
_RELIABLE = 3.29  # standard errors: 99.9 % of a normal distribution lie within, on both sides
_FEWEST = 10  # items from whose mean anything is told
_FAR = 0.9  # a query is far if it is farther than this share of the queries that are answered right
_DRAWS = 16  # of other roundings of the stored vectors
Progress = Callable[[float, str], None]


def case_task(
    embedding_set: EmbeddingSet,
    query: str | None,
    candidates: Sequence[str] | None,
    measure: str,
    device: str | torch.device,
) -> RetrievalTask:
    """Return the retrieval task of these arguments.

    Raises:
        ValueError, EmbeddingSetError: as `RetrievalTask`; fewer than two items are ranked.
    """
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    if len(task) < 2:
        raise EmbeddingSetError(f"only one item has {task.needed}; a failure takes two")
    return task


@dataclass(frozen=True, eq=False)
class GalleryStatistics:
    """What is usual in a set, against which a single case is judged.

    Attributes:
        top1_counts: (n,) how many of the asked queries each item of the gallery comes first for, by place. A query that
            ties at the top counts for its own item.
        asked: how many queries were asked.
        hub_threshold: from how many on an item is first for more queries than chance gives any item (1 in 100).
        median_base: the median base of the gallery.
        height_limit: what nine of ten of the right items' queries stay below; NaN where none is right.
        sign_flipped: the candidate modalities that are turned away from the query as a whole: over the asked items,
            matched cosines are reliably below the query's mean cosine with any item.
    """

    top1_counts: Int[Tensor, " n"]
    asked: int
    hub_threshold: int
    median_base: float
    height_limit: float
    sign_flipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CaseStatistics:
    """What is known of each of m cases; (m, c) has a column a candidate modality.

    Attributes:
        at: the true item's place in the gallery.
        winner: the winner's.
        score: the true item's score.
        margin: that minus the winner's; 0 for a tie.
        rank: the true item's.
        base: (m, 2) of the true item and of the winner.
        height: (m, 2) of the query over the span of the true item's vectors and of the winner's.
        rank_by_height: the true item's, by height.
        rank_same_base: the true item's if the winner's base were its own; NaN but for volume.
        without: (m, c) rank with that modality left out of all candidates; NaN where no score is left.
        lead: (m, c) the true item's margin then.
        lacks: (m, c, 2) whether the true item, or the winner, lacks the modality.
        cosines: (m, c) of the query with the true item's vectors; NaN where it lacks one.
        excess: (m, c) that minus the query's mean cosine with the modality, over the gallery.
        sign_flipped: (m, c) which of the true item's vectors are turned away from the query: by themselves, or with all
            of their modality.
        rank_sign_flipped: rank with these vectors turned into their opposites; NaN where there is none.
        rank_without_hubs: rank with the hubs left out of the gallery; NaN where the winner is none.
        alike: whether winner and true item have the same candidate vectors.
        nothing: whether both scores are a volume, height or area of 0.
        rounding: the margin's change when the stored vectors are rounded another way, root mean square; NaN if right.
    """

    at: Int[Tensor, " m"]
    winner: Int[Tensor, " m"]
    score: Float[Tensor, " m"]
    margin: Float[Tensor, " m"]
    rank: Float[Tensor, " m"]
    base: Float[Tensor, "m 2"]
    height: Float[Tensor, "m 2"]
    rank_by_height: Float[Tensor, " m"]
    rank_same_base: Float[Tensor, " m"]
    without: Float[Tensor, "m c"]
    lead: Float[Tensor, "m c"]
    lacks: Bool[Tensor, "m c 2"]
    cosines: Float[Tensor, "m c"]
    excess: Float[Tensor, "m c"]
    sign_flipped: Bool[Tensor, "m c"]
    rank_sign_flipped: Float[Tensor, " m"]
    rank_without_hubs: Float[Tensor, " m"]
    alike: Bool[Tensor, " m"]
    nothing: Bool[Tensor, " m"]
    rounding: Float[Tensor, " m"]


def examine(
    task: RetrievalTask,
    at: Int[Tensor, " m"],
    *,
    winner: Int[Tensor, " m"] | None = None,
    gallery: GalleryStatistics | None = None,
    progress: Progress = lambda share, stage: None,
) -> tuple[CaseStatistics, GalleryStatistics]:
    """Return the statistics of cases, and the gallery: of these very cases where none is given.

    Args:
        task: who asks whom.
        at: places of the true items.
        winner: places of the items to compare them with; the best other item of each if None.
        gallery: what is usual.
        progress: called with the share done and the stage in words.
    """
    steps = 3 + len(task.others)

    def told(step: int, stage: str) -> Callable[[float], None]:
        return lambda share: progress((step + share) / steps, stage)

    asked = task.anchors[at]
    found = scan(task.measure, asked, task.others, at, device=task.device, progress=told(0, "ranking"))
    by_height = found
    if task.measure != "height":
        by_height = scan("height", asked, task.others, at, device=task.device, progress=told(1, "ranking by height"))
    without = [
        scan_without(task, at, place, told(2 + place, f"ranking without {name}"))
        for place, name in enumerate(task.candidates)
    ]
    winner = found.best_at if winner is None else winner
    statistics = _compared(task, at, winner, found)
    if gallery is None:
        gallery = _gallery_statistics(task, found, statistics)
    statistics = replace(
        statistics,
        rank_by_height=by_height.ranks,
        without=torch.stack([ranked for ranked, _ in without], dim=1),
        lead=torch.stack([lead for _, lead in without], dim=1),
        sign_flipped=_sign_flipped(task, statistics, gallery),
    )
    told(steps - 1, "looking at failures")(0.0)
    statistics = _of_wrong_ones(task, statistics, gallery)
    progress(1.0, "done")
    return statistics, gallery


def examine_known(
    task: RetrievalTask,
    at: Int[Tensor, " m"],
    winner: Int[Tensor, " m"],
    gallery: GalleryStatistics,
    ranks_of: pd.DataFrame,
) -> CaseStatistics:
    """Return the statistics of cases whose ranks are known, without ranking anything; `lead` is left out, as NaN.

    Args:
        task: who asks whom.
        at: places of the true items.
        winner: places of the best other items.
        gallery: what is usual.
        ranks_of: these cases' rows of the table of `find_cases`.
    """
    found = own_scores(task.measure, task.anchors[at], task.others, at, device=task.device)
    statistics = _compared(task, at, winner, found)

    def known(*columns: str) -> Tensor:
        return torch.from_numpy(ranks_of[list(columns)].to_numpy(dtype=np.float64, copy=True))

    statistics = replace(
        statistics,
        rank=known("rank")[:, 0],
        rank_by_height=known("rank_by_height")[:, 0],
        rank_same_base=known("rank_same_base")[:, 0],
        without=known(*(f"without_{name}" for name in task.candidates)),
        sign_flipped=_sign_flipped(task, statistics, gallery),
        rank_sign_flipped=known("rank_sign_flipped")[:, 0],
        rank_without_hubs=known("rank_without_hubs")[:, 0],
    )
    return replace(
        statistics, rounding=_filled(statistics.rank != 1, lambda rows: _rounding(task, at[rows], winner[rows]))
    )


def _compared(task: RetrievalTask, at: Int[Tensor, " m"], winner: Int[Tensor, " m"], found: Scan) -> CaseStatistics:
    """Return what a true item and a winner tell without another ranking; the rest is NaN."""
    beaten = paired(task.measure, task.anchors[at], task.others, winner, device=task.device).cpu()
    margin = (found.score - beaten).masked_fill((found.score - beaten).abs() <= found.tolerance, 0)
    base, height = _bases_and_heights(task, at, winner)
    lacks = [torch.stack([other[rows, 0].isnan() for rows in (at, winner)], dim=1) for other in task.others]
    anchors = task.anchors[at].double()
    cosines = torch.stack([cosine_similarity(anchors, other[at].double(), dim=1) for other in task.others], dim=1)
    unknown, unknown_each = torch.full_like(margin, torch.nan), torch.full_like(cosines, torch.nan)
    return CaseStatistics(
        at=at,
        winner=winner,
        score=found.score,
        margin=margin,
        rank=found.ranks,
        base=base,
        height=height,
        rank_by_height=unknown,
        rank_same_base=_same_base(task, found, beaten, base[:, 0] * height[:, 1]),
        without=unknown_each,
        lead=unknown_each,
        lacks=torch.stack(lacks, dim=1),
        cosines=cosines,
        excess=cosines - _usual_cosines(task, anchors),
        sign_flipped=torch.zeros_like(cosines, dtype=torch.bool),
        rank_sign_flipped=unknown,
        rank_without_hubs=unknown,
        alike=_alike(task, at, winner),
        nothing=measures.get(task.measure).small_is_aligned & (found.score.abs() <= found.tolerance) & (margin == 0),
        rounding=unknown,
    )


def _of_wrong_ones(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> CaseStatistics:
    """Return the statistics with those filled in that only failures have, and of them only the ones concerned."""
    wrong = statistics.rank != 1
    hubs = gallery.top1_counts >= gallery.hub_threshold

    def without_hubs(rows: Int[Tensor, " w"]) -> Tensor:
        at = statistics.at[rows]
        return scan(task.measure, task.anchors[at], task.others, at, skip=hubs, device=task.device).ranks

    return replace(
        statistics,
        rank_sign_flipped=_filled(
            wrong & statistics.sign_flipped.any(1), lambda rows: _rank_sign_flipped(task, statistics, gallery, rows)
        ),
        rank_without_hubs=_filled(wrong & hubs[statistics.winner], without_hubs),
        rounding=_filled(wrong, lambda rows: _rounding(task, statistics.at[rows], statistics.winner[rows])),
    )


def _filled(which: Bool[Tensor, " m"], values: Callable[[Tensor], Tensor]) -> Float[Tensor, " m"]:
    """Return values where they are asked for, NaN elsewhere."""
    filled = torch.full((len(which),), torch.nan, dtype=torch.float64)
    rows = which.nonzero().flatten()
    if len(rows):
        filled[rows] = values(rows)
    return filled


def scan_without(
    task: RetrievalTask, at: Int[Tensor, " m"], place: int, progress: Callable[[float], None] = lambda share: None
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Return rank and margin with one candidate modality left out of all; NaN where that leaves no score."""
    others = [other for number, other in enumerate(task.others) if number != place]
    if not others or not measures.get(task.measure).supports(1 + len(others)):
        unknown = torch.full((len(at),), torch.nan, dtype=torch.float64)
        return unknown, unknown
    found = scan(task.measure, task.anchors[at], others, at, device=task.device, progress=progress)
    return found.ranks, found.margin.masked_fill(found.score == -torch.inf, torch.nan)


def sign_flip_cosine(d: int) -> float:
    """Return c such that random directions in d dimensions have a cosine below -c once in 10,000.

    The squared cosine is Beta(1/2, (d - 1)/2), and its sign is as often plus as minus. In one dimension cosines are
    1 or -1, and no sign is reliable: 1.

    Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 1.5.7.
    """
    return 1.0 if d < 2 else math.sqrt(scipy.stats.beta.isf(2 * _FLIP_CHANCE, 0.5, (d - 1) / 2))


def hub_threshold(asked: int, n: int) -> int:
    """Return from how many queries on an item is first for more than chance gives any of n items (1 in 100).

    Queries that choose at random give each item Poisson(asked / n) of them.
    """
    return 1 + int(scipy.stats.poisson.isf(_CHANCE / n, asked / n))


def _gallery_statistics(task: RetrievalTask, found: Scan, statistics: CaseStatistics) -> GalleryStatistics:
    first = torch.where(found.better == 0, statistics.at, found.best_at)
    bases = torch.cat([_bases(task, places) for places in torch.arange(len(task)).split(BLOCK)])
    right = statistics.height[statistics.rank == 1, 0]
    return GalleryStatistics(
        top1_counts=torch.bincount(first, minlength=len(task)),
        asked=len(statistics.at),
        hub_threshold=hub_threshold(len(statistics.at), len(task)),
        median_base=float(bases.median()),
        height_limit=float(np.quantile(right.numpy(), _FAR)) if len(right) else math.nan,
        sign_flipped=tuple(
            name for name, excess in zip(task.candidates, statistics.excess.unbind(1)) if _reliably_negative(excess)
        ),
    )


def _reliably_negative(values: Float[Tensor, " m"]) -> bool:
    """Return whether the mean of what is there is below 0 by more than chance."""
    known = values[~values.isnan()]
    return len(known) >= _FEWEST and bool(known.mean() < -_RELIABLE * known.std() / math.sqrt(len(known)))


def _usual_cosines(task: RetrievalTask, anchors: Float[Tensor, "m d"]) -> Float[Tensor, "m c"]:
    """Return each query's mean cosine with each modality of the gallery: its product with the mean of unit rows."""
    centres = []
    for other in task.others:
        total, there = torch.zeros(other.shape[1], dtype=torch.float64), 0
        for block in other.split(BLOCK):
            units = normalize(block[~block[:, 0].isnan()].double(), dim=1)
            total += units.sum(0)
            there += len(units)
        centres.append(total / max(1, there))
    return normalize(anchors, dim=1) @ torch.stack(centres, dim=1)


def _sign_flipped(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> Bool[Tensor, "m c"]:
    alone = (statistics.cosines < 0) & (statistics.excess < -sign_flip_cosine(task.embedding_set.d))
    whole = torch.tensor([name in gallery.sign_flipped for name in task.candidates])
    return torch.where(whole, statistics.excess < 0, alone)


def _bases(task: RetrievalTask, places: Int[Tensor, " m"]) -> Float[Tensor, " m"]:
    return volume(torch.stack([other[places].double() for other in task.others], dim=1))


def _bases_and_heights(
    task: RetrievalTask, at: Int[Tensor, " m"], winner: Int[Tensor, " m"]
) -> tuple[Float[Tensor, "m 2"], Float[Tensor, "m 2"]]:
    bases, heights = [], []
    for places in (at, winner):
        bases.append(torch.cat([_bases(task, block) for block in places.split(BLOCK)]))
        heights.append(-paired("height", task.anchors[at], task.others, places, device=task.device).cpu())
    return torch.stack(bases, dim=1), torch.stack(heights, dim=1)


def _same_base(
    task: RetrievalTask, found: Scan, beaten: Float[Tensor, " m"], volumes: Float[Tensor, " m"]
) -> Float[Tensor, " m"]:
    """Return the true item's rank if the winner's volume were this one: its height with the true item's base."""
    if task.measure != "volume":
        return torch.full_like(volumes, torch.nan)
    low, high = found.score - found.tolerance, found.score + found.tolerance
    better, tied = found.better.clone(), found.tied.clone()
    for scores, sign in ((beaten, -1), (-volumes, 1)):
        better += sign * (scores > high).long()
        tied += sign * ((scores >= low) & (scores <= high)).long()
    return ranks(found.score, better, tied)


def _rank_sign_flipped(
    task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics, rows: Int[Tensor, " w"]
) -> Float[Tensor, " w"]:
    """Return ranks with turned vectors turned back: of whole modalities everyone's, of others the true item's alone."""
    at, anchors = statistics.at[rows], task.anchors[statistics.at[rows]]
    others = [-each if name in gallery.sign_flipped else each for name, each in zip(task.candidates, task.others)]
    mine = [
        torch.where(statistics.sign_flipped[rows, place, None] & (name not in gallery.sign_flipped), -1, 1)
        * other[at].double()
        for place, (name, other) in enumerate(zip(task.candidates, others))
    ]
    scores = paired(task.measure, anchors, mine, torch.arange(len(at)), device=task.device)
    return scan(task.measure, anchors, others, at, scores=scores, device=task.device).ranks


def _alike(task: RetrievalTask, at: Int[Tensor, " m"], winner: Int[Tensor, " m"]) -> Bool[Tensor, " m"]:
    """Return whether two items have the same candidate vectors, to within how they are rounded."""
    alike = torch.ones(len(at), dtype=torch.bool)
    for other in task.others:
        mine, theirs = other[at].double(), other[winner].double()
        apart = (mine - theirs).abs().amax(1) <= torch.finfo(other.dtype).eps * mine.abs().amax(1)
        alike &= apart | (mine[:, 0].isnan() & theirs[:, 0].isnan())
    return alike


def _rounding(task: RetrievalTask, at: Int[Tensor, " w"], winner: Int[Tensor, " w"]) -> Float[Tensor, " w"]:
    """Return by how much the margin changes, root mean square, when vectors are rounded another way.

    Each stored number stands for all that round to it: it is moved by up to eps / 2 of itself, at random. Every case
    is moved by the same draws, so that what is found of it does not depend on the cases beside it.
    """
    generator = torch.Generator().manual_seed(0)
    sides = [task.anchors[at], *(other[places] for places in (at, winner) for other in task.others)]
    everyone, half = torch.arange(len(at)), len(task.others)

    def margin(vectors: list[Tensor]) -> Tensor:
        candidates = (vectors[first : first + half] for first in (1, 1 + half))
        mine, theirs = (paired(task.measure, vectors[0], each, everyone, device=task.device) for each in candidates)
        return (mine - theirs).cpu()

    def rounded(vectors: Tensor) -> Tensor:
        moved = torch.rand(vectors.shape[1], generator=generator, dtype=torch.float64) - 0.5
        return vectors.double() * (1 + moved * torch.finfo(vectors.dtype).eps)

    exact = margin(sides)
    changes = [(margin([rounded(vectors) for vectors in sides]) - exact).square() for _ in range(_DRAWS)]
    return torch.stack(changes).mean(0).sqrt()
