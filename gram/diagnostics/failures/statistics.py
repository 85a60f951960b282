"""Statistics of cases: true item against winner, and the true item's rank under single changes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from gram import measures
from gram.core.progress import Progress, no_progress, subprogress
from gram.geometry import volume
from gram.retrieval.ranks import RivalRanks, rank_with_rivals, ranks_of, true_scores
from gram.retrieval.scoring import BLOCK, score_pairs
from gram.retrieval.task import RetrievalTask

_CHANCE = 0.01  # probability that chance makes a hub of any item of a gallery
_FLIP_CHANCE = 1e-4  # probability that two random directions have a cosine so negative that it counts as a sign flip
_RELIABLE = 3.29  # standard errors: 99.9 % of a normal distribution lie within, on both sides
_FEWEST = 10  # items, fewer have no reliable mean
_FAR = 0.9  # quantile of the heights of queries answered right beyond which a query is far
_DRAWS = 16  # of other roundings of the stored vectors


@dataclass(frozen=True, eq=False)
class GalleryStatistics:
    """What is usual in a gallery, against which a single case is judged.

    Attributes:
        top1_counts: (n,) for how many queries each item of the gallery is first. A query that ties at the top counts
            for its own item.
        asked: number of queries.
        hub_threshold: smallest number of queries won that chance does not explain; see `hub_threshold`.
        median_base: median base of the gallery.
        height_limit: 90 % quantile of the heights of queries answered right; NaN where none is.
        sign_flipped: candidate modalities that point away from the query as a whole: over the queries, matched
            cosines are reliably below the query's mean cosine with any item.
    """

    top1_counts: Int[Tensor, " n"]
    asked: int
    hub_threshold: int
    median_base: float
    height_limit: float
    sign_flipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CaseStatistics:
    """Statistics of m cases; (m, c) has a column a candidate modality."""

    at: Int[Tensor, " m"]  # position of the true item in the gallery
    winner: Int[Tensor, " m"]  # position of the winner
    score: Float[Tensor, " m"]  # the true item's score
    margin: Float[Tensor, " m"]  # that minus the winner's; 0 for a tie
    rank: Float[Tensor, " m"]  # of the true item
    base: Float[Tensor, "m 2"]  # of the true item and of the winner
    height: Float[Tensor, "m 2"]  # of the query over the span of the true item's vectors and of the winner's
    rank_by_height: Float[Tensor, " m"]  # rank by height
    rank_same_base: Float[Tensor, " m"]  # rank if the winner's base were the true item's; NaN but for volume
    without: Float[Tensor, "m c"]  # rank with that modality left out of all candidates; NaN without a score
    lead: Float[Tensor, "m c"]  # margin with it left out
    lacks: Bool[Tensor, "m c 2"]  # whether the true item, or the winner, lacks the modality
    cosines: Float[Tensor, "m c"]  # of the query with the true item's vectors; NaN where it lacks one
    excess: Float[Tensor, "m c"]  # that minus the query's mean cosine with the modality, over the gallery
    sign_flipped: Bool[Tensor, "m c"]  # whether the true item's vector, or its modality, points away from the query
    rank_sign_flipped: Float[Tensor, " m"]  # rank with these vectors flipped; NaN where there is none
    rank_without_hubs: Float[Tensor, " m"]  # rank with the hubs left out of the gallery; NaN where the winner is none
    alike: Bool[Tensor, " m"]  # whether winner and true item have the same candidate vectors
    nothing: Bool[Tensor, " m"]  # whether both scores are a volume, height or area of 0
    rounding: Float[Tensor, " m"]  # RMS change of the margin when vectors are rounded another way; NaN if right


def examine(
    task: RetrievalTask,
    at: Int[Tensor, " m"],
    *,
    winner: Int[Tensor, " m"] | None = None,
    gallery: GalleryStatistics | None = None,
    progress: Progress = no_progress,
) -> tuple[CaseStatistics, GalleryStatistics]:
    """Return the statistics of the true items at these positions, and of their gallery.

    They are compared with the items at `winner`, each query's best other item if None; the statistics of the gallery
    are computed from these cases if None.
    """
    without_each = [f"ranking without {name}" for name in task.candidates]
    stages = ["ranking", "ranking by height", *without_each, "looking at failures"]

    def part(stage: int) -> Progress:
        return subprogress(progress, stage / len(stages), (stage + 1) / len(stages), stages[stage])

    found = _rank(task, at, progress=part(0))
    by_height = found if task.measure == "height" else _rank(task, at, "height", progress=part(1))
    without = [_rank_without(task, at, place, part(2 + place)) for place in range(len(task.others))]
    winner = found.rival if winner is None else winner
    statistics = replace(_compare(task, at, winner, found.score, found.tolerance), rank=found.ranks)
    if gallery is None:
        gallery = _gallery_statistics(task, found, statistics)
    statistics = replace(
        statistics,
        rank_by_height=by_height.ranks,
        rank_same_base=_rank_same_base(task, found, statistics),
        without=torch.stack([ranks for ranks, _ in without], dim=1),
        lead=torch.stack([lead for _, lead in without], dim=1),
        sign_flipped=_sign_flipped(task, statistics, gallery),
    )
    part(len(stages) - 1)(0.0)
    statistics = _with_failures(task, statistics, gallery)
    progress(1.0, "done")
    return statistics, gallery


def examine_known(
    task: RetrievalTask,
    at: Int[Tensor, " m"],
    winner: Int[Tensor, " m"],
    gallery: GalleryStatistics,
    ranks: pd.DataFrame,
) -> CaseStatistics:
    """Return the statistics of cases from their rows of the table of `find_cases`, without ranking; `lead` is NaN."""
    statistics = _compare(task, at, winner, *true_scores(*_asked(task, at), device=task.device))
    names = ("rank", "rank_by_height", "rank_same_base", "rank_sign_flipped", "rank_without_hubs")
    known = {name: torch.tensor(ranks[name].to_numpy(dtype=np.float64)) for name in names}
    without = ranks[[f"without_{name}" for name in task.candidates]].to_numpy(dtype=np.float64)
    statistics = replace(
        statistics, **known, without=torch.tensor(without), sign_flipped=_sign_flipped(task, statistics, gallery)
    )
    return replace(
        statistics, rounding=_filled(statistics.rank != 1, lambda rows: _rounding(task, at[rows], winner[rows]))
    )


def _asked(
    task: RetrievalTask, at: Int[Tensor, " m"], measure: str = "", others: Sequence[Tensor] = ()
) -> tuple[str, Tensor, Sequence[Tensor], Tensor]:
    """Return the arguments that rank these true items, by another measure or candidate vectors where given."""
    return measure or task.measure, task.anchors[at], others or task.others, at


def _rank(
    task: RetrievalTask, at: Int[Tensor, " m"], measure: str = "", others: Sequence[Tensor] = (), **options: Any
) -> RivalRanks:
    return rank_with_rivals(*_asked(task, at, measure, others), device=task.device, **options)


def _compare(
    task: RetrievalTask,
    at: Int[Tensor, " m"],
    winner: Int[Tensor, " m"],
    score: Float[Tensor, " m"],
    tolerance: Float[Tensor, " m"],
) -> CaseStatistics:
    """Return the statistics that need no ranking; the others are NaN."""
    beaten = score_pairs(task.measure, task.anchors, task.others, at, winner, device=task.device).cpu()
    margin = (score - beaten).masked_fill((score - beaten).abs() <= tolerance, 0)
    anchors, mine = task.anchors[at].double(), [other[at].double() for other in task.others]
    cosines = torch.stack([cosine_similarity(anchors, each, dim=1) for each in mine], dim=1)
    unknown, unknown_each = torch.full_like(margin, torch.nan), torch.full_like(cosines, torch.nan)
    return CaseStatistics(
        at=at, winner=winner, score=score, margin=margin,
        base=torch.stack([_bases(task, places) for places in (at, winner)], dim=1),
        height=torch.stack([_heights(task, at, places) for places in (at, winner)], dim=1),
        lacks=torch.stack(
            [torch.stack([other[places, 0].isnan() for places in (at, winner)], dim=1) for other in task.others], dim=1
        ),
        cosines=cosines,
        excess=cosines - _mean_cosines(task, anchors),
        sign_flipped=torch.zeros_like(cosines, dtype=torch.bool),
        alike=_alike(task, at, winner),
        nothing=measures.get(task.measure).small_is_aligned & (score.abs() <= tolerance) & (margin == 0),
        **dict.fromkeys(("rank", "rank_by_height", "rank_same_base", "rank_sign_flipped"), unknown),
        **dict.fromkeys(("rank_without_hubs", "rounding"), unknown),
        **dict.fromkeys(("without", "lead"), unknown_each),
    )  # fmt: skip


def _with_failures(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> CaseStatistics:
    """Return the statistics with those that only failures have, computed for the failures concerned alone."""
    wrong = statistics.rank != 1
    hubs = gallery.top1_counts >= gallery.hub_threshold
    return replace(
        statistics,
        rank_sign_flipped=_filled(
            wrong & statistics.sign_flipped.any(1), lambda rows: _rank_sign_flipped(task, statistics, gallery, rows)
        ),
        rank_without_hubs=_filled(
            wrong & hubs[statistics.winner], lambda rows: _rank(task, statistics.at[rows], skip=hubs).ranks
        ),
        rounding=_filled(wrong, lambda rows: _rounding(task, statistics.at[rows], statistics.winner[rows])),
    )


def _filled(which: Bool[Tensor, " m"], values: Callable[[Tensor], Tensor]) -> Float[Tensor, " m"]:
    """Return the values of the rows in a mask, NaN elsewhere."""
    filled = torch.full((len(which),), torch.nan, dtype=torch.float64)
    rows = which.nonzero().flatten()
    if len(rows):
        filled[rows] = values(rows)
    return filled


def _rank_without(
    task: RetrievalTask, at: Int[Tensor, " m"], place: int, progress: Progress
) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Return rank and margin with one candidate modality left out of all; NaN where that leaves no score."""
    others = [*task.others[:place], *task.others[place + 1 :]]
    if not others or not measures.get(task.measure).supports(1 + len(others)):
        unknown = torch.full((len(at),), torch.nan, dtype=torch.float64)
        return unknown, unknown
    found = _rank(task, at, others=others, progress=progress)
    return found.ranks, found.margin


def sign_flip_cosine(d: int) -> float:
    """Return c such that random directions in d dimensions have a cosine below -c once in 10,000 pairs.

    The squared cosine is Beta(1/2, (d - 1)/2), and its sign is as often plus as minus. In one dimension cosines are
    1 or -1, and no sign is reliable: 1.

    Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 1.5.7.
    """
    return 1.0 if d < 2 else math.sqrt(scipy.stats.beta.isf(2 * _FLIP_CHANCE, 0.5, (d - 1) / 2))


def hub_threshold(asked: int, n: int) -> int:
    """Return the smallest number of first places that any of n items has by chance at most once in 100 galleries.

    Queries that choose at random give each item Poisson(asked / n) of them.
    """
    return 1 + int(scipy.stats.poisson.isf(_CHANCE / n, asked / n))


def _gallery_statistics(task: RetrievalTask, found: RivalRanks, statistics: CaseStatistics) -> GalleryStatistics:
    first = torch.where(found.better == 0, statistics.at, found.rival)
    right = statistics.height[statistics.rank == 1, 0]
    return GalleryStatistics(
        top1_counts=torch.bincount(first, minlength=len(task)),
        asked=len(statistics.at),
        hub_threshold=hub_threshold(len(statistics.at), len(task)),
        median_base=float(_bases(task, torch.arange(len(task))).median()),
        height_limit=float(np.quantile(right.numpy(), _FAR)) if len(right) else math.nan,
        sign_flipped=tuple(
            name for name, excess in zip(task.candidates, statistics.excess.unbind(1)) if _reliably_negative(excess)
        ),
    )


def _reliably_negative(values: Float[Tensor, " m"]) -> bool:
    """Return whether the mean of the values that are not NaN is significantly below 0."""
    known = values[~values.isnan()]
    return len(known) >= _FEWEST and bool(known.mean() < -_RELIABLE * known.std() / math.sqrt(len(known)))


def _mean_cosines(task: RetrievalTask, anchors: Float[Tensor, "m d"]) -> Float[Tensor, "m c"]:
    """Return each query's mean cosine with each modality of the gallery: its product with the mean of unit rows."""
    centres = []
    for other in task.others:
        total, count = torch.zeros(other.shape[1], dtype=torch.float64), 0
        for block in other.split(BLOCK):
            units = normalize(block[~block[:, 0].isnan()].double(), dim=1)
            total += units.sum(0)
            count += len(units)
        centres.append(total / max(1, count))
    return normalize(anchors, dim=1) @ torch.stack(centres, dim=1)


def _sign_flipped(task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics) -> Bool[Tensor, "m c"]:
    alone = (statistics.cosines < 0) & (statistics.excess < -sign_flip_cosine(task.embedding_set.d))
    whole = torch.tensor([name in gallery.sign_flipped for name in task.candidates])
    return torch.where(whole, statistics.excess < 0, alone)


def _bases(task: RetrievalTask, places: Int[Tensor, " m"]) -> Float[Tensor, " m"]:
    blocks = places.split(BLOCK)
    return torch.cat([volume(torch.stack([other[block].double() for other in task.others], dim=1)) for block in blocks])


def _heights(task: RetrievalTask, at: Int[Tensor, " m"], places: Int[Tensor, " m"]) -> Float[Tensor, " m"]:
    return -score_pairs("height", task.anchors, task.others, at, places, device=task.device).cpu()


def _rank_same_base(task: RetrievalTask, found: RivalRanks, statistics: CaseStatistics) -> Float[Tensor, " m"]:
    """Return the rank if the winner's volume were its height times the true item's base."""
    if task.measure != "volume":
        return torch.full_like(found.score, torch.nan)
    low, high = found.score - found.tolerance, found.score + found.tolerance
    better, tied = found.better.clone(), found.tied.clone()
    beaten = score_pairs("volume", task.anchors, task.others, statistics.at, statistics.winner, device=task.device)
    for scores, sign in ((beaten.cpu(), -1), (-statistics.base[:, 0] * statistics.height[:, 1], 1)):
        better += sign * (scores > high).long()
        tied += sign * ((scores >= low) & (scores <= high)).long()
    return ranks_of(found.score, better, tied)


def _rank_sign_flipped(
    task: RetrievalTask, statistics: CaseStatistics, gallery: GalleryStatistics, rows: Int[Tensor, " w"]
) -> Float[Tensor, " w"]:
    """Return ranks with flipped vectors flipped back: for whole modalities all candidates', else the true item's."""
    at = statistics.at[rows]
    others = [-each if name in gallery.sign_flipped else each for name, each in zip(task.candidates, task.others)]
    alone = statistics.sign_flipped[rows] & ~torch.tensor([name in gallery.sign_flipped for name in task.candidates])
    mine = [torch.where(flip[:, None], -1, 1) * other[at].double() for flip, other in zip(alone.unbind(1), others)]
    everyone = torch.arange(len(at))
    scores = score_pairs(task.measure, task.anchors[at], mine, everyone, everyone, device=task.device)
    return _rank(task, at, others=others, scores=scores).ranks


def _alike(task: RetrievalTask, at: Int[Tensor, " m"], winner: Int[Tensor, " m"]) -> Bool[Tensor, " m"]:
    """Return whether two items have the same candidate vectors, up to rounding."""
    alike = torch.ones(len(at), dtype=torch.bool)
    for other in task.others:
        mine, theirs = other[at].double(), other[winner].double()
        apart = (mine - theirs).abs().amax(1) <= torch.finfo(other.dtype).eps * mine.abs().amax(1)
        alike &= apart | (mine[:, 0].isnan() & theirs[:, 0].isnan())
    return alike


def _rounding(task: RetrievalTask, at: Int[Tensor, " w"], winner: Int[Tensor, " w"]) -> Float[Tensor, " w"]:
    """Return the root mean square change of the margin when the stored vectors are rounded another way.

    Each number moves at random by up to eps / 2 of itself. All cases share the draws, so that a case does not depend on
    which others are examined with it.
    """
    generator = torch.Generator().manual_seed(0)
    sides = [task.anchors[at], *(other[places] for places in (at, winner) for other in task.others)]
    rows, half = torch.arange(len(at)), len(task.others)

    def margin(vectors: list[Tensor]) -> Tensor:
        mine, theirs = (
            score_pairs(task.measure, vectors[0], vectors[first : first + half], rows, rows, device=task.device)
            for first in (1, 1 + half)
        )
        return (mine - theirs).cpu()

    def rounded(vectors: Tensor) -> Tensor:
        moved = torch.rand(vectors.shape[1], generator=generator, dtype=torch.float64) - 0.5
        return vectors.double() * (1 + moved * torch.finfo(vectors.dtype).eps)

    exact = margin(sides)
    changes = [(margin([rounded(vectors) for vectors in sides]) - exact).square() for _ in range(_DRAWS)]
    return torch.stack(changes).mean(0).sqrt()
