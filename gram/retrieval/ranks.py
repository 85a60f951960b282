"""Ranks of the true items, counted from blocks of scores; with each query's rival, the best other item."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.retrieval.scoring import SCALE_SAMPLE, Candidates, score_blocks, score_pairs, score_scale, tie_margin


@dataclass(frozen=True, eq=False)
class Ranks:
    """For each of m rankings: how many items beat the true one, and how many tie with it, itself included."""

    better: Int[Tensor, " m"]
    tied: Int[Tensor, " m"]

    def ranks(self) -> Float[Tensor, " m"]:
        """Return the rank of the true item, 1 for the best: the average of the tied ranks."""
        return self.better + (self.tied.double() + 1) / 2

    def recall_at(self, k: int) -> Float[Tensor, " m"]:
        """Return the probability that the true item is among the first k when ties are broken at random."""
        return ((k - self.better).double() / self.tied).clamp(0.0, 1.0)

    def reciprocal_ranks(self) -> Float[Tensor, " m"]:
        """Return the expectation of 1 / rank when ties are broken at random.

        (H(b + t) - H(b)) / t, with H(i) = 1 + 1/2 + ... + 1/i, for b better items and t tied ones.
        """
        last = int((self.better + self.tied).max())
        harmonic = (1 / torch.arange(1, last + 1, dtype=torch.float64)).cumsum(0)
        harmonic = torch.nn.functional.pad(harmonic, (1, 0))
        return (harmonic[self.better + self.tied] - harmonic[self.better]) / self.tied


def rank_true_items(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Candidates | Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " m"],
    *,
    by_anchor: bool = True,
    device: torch.device | None = None,
    progress: Progress = no_progress,
) -> Ranks:
    """Return the ranks of true items among all, in memory that grows with neither q nor n.

    Args:
        measure: its name, or the measure.
        anchors: the anchors; NaN nowhere.
        candidates: one tensor a modality, NaN rows where a candidate lacks it, no candidate without any; or
            `Candidates`.
        true: by anchor, each anchor's true candidate (m = q); else each candidate's true anchor (m = n).
        by_anchor: rank candidates for each anchor; else anchors for each candidate.
        device: where to compute; that of the anchors if None.
        progress: called with the share done after each block; an exception from it stops the work.
    """
    device = candidates.device if isinstance(candidates, Candidates) else device or anchors.device
    everything = torch.arange(len(true))
    pairs = (everything, true) if by_anchor else (true, everything)
    scores = score_pairs(measure, anchors, candidates, *pairs, device=device)
    margin = tie_margin(scores, score_scale(measure, anchors, candidates, device))
    low, high = scores - margin, scores + margin
    better, at_least = torch.zeros(2, len(true), dtype=torch.int64, device=device)
    for rows, columns, block in score_blocks(measure, anchors, candidates, device=device, progress=progress):
        mine, ranked = (rows, block) if by_anchor else (columns, block.T)
        better[mine] += (ranked > high[mine, None]).sum(1)
        at_least[mine] += (ranked >= low[mine, None]).sum(1)
    return Ranks(better.cpu(), (at_least - better).clamp(min=1).cpu())


@dataclass(frozen=True, eq=False)
class RivalRanks:
    """For each of q queries, its true item against all others.

    Attributes:
        score: the true item's score; -inf where it has no vector to score.
        better: how many others beat it.
        tied: how many others tie with it.
        best: the best score of another item; -inf for none.
        rival: position of that item, the first of those that tie; -1 for none.
        tolerance: by how much scores may differ from the true item's and still tie.
    """

    score: Float[Tensor, " q"]
    better: Int[Tensor, " q"]
    tied: Int[Tensor, " q"]
    best: Float[Tensor, " q"]
    rival: Int[Tensor, " q"]
    tolerance: Float[Tensor, " q"]

    @property
    def ranks(self) -> Float[Tensor, " q"]:
        """Rank of the true item, 1 for the best, the average of tied ranks; NaN where it has no score."""
        return ranks_of(self.score, self.better, self.tied)

    @property
    def margin(self) -> Float[Tensor, " q"]:
        """The true item's score minus the rival's; 0 where they tie, NaN where the true item has no score."""
        margin = self.score - self.best
        margin = margin.masked_fill(margin.abs() <= self.tolerance, 0)
        return margin.masked_fill(self.score == -torch.inf, torch.nan)


def rank_with_rivals(
    measure: str,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " q"],
    *,
    scores: Float[Tensor, " q"] | None = None,
    skip: Bool[Tensor, " n"] | None = None,
    device: torch.device | None = None,
    progress: Progress = no_progress,
) -> RivalRanks:
    """Return ranks and rivals in float64, in memory for one block of pairs.

    Args:
        measure: name of a measure.
        anchors: the queries; NaN nowhere.
        candidates: one tensor a modality; NaN rows where a candidate lacks it.
        true: position of each query's true item among the candidates.
        scores: what to take for the true items' scores, in place of their own.
        skip: candidates that are left out.
        device: where to compute; that of the anchors if None.
        progress: called with the share done after each block; an exception from it stops the work.
    """
    device = device or anchors.device
    scale = scale_of_scored(measure, anchors, candidates, device)
    own = score_pairs(measure, anchors, candidates, torch.arange(len(true)), true, device=device)
    own = own if scores is None else scores.to(device)
    tolerance, true = _tolerance(own, scale), true.to(device)
    better, tied = torch.zeros(2, len(true), dtype=torch.int64, device=device)
    best, rival = torch.full_like(own, -torch.inf), torch.full_like(true, -1)
    for rows, columns, block in score_blocks(measure, anchors, candidates, device=device, progress=progress):
        _leave_out(block, true[rows] - columns.start, None if skip is None else skip[columns].to(device))
        above = (block > (own + tolerance)[rows, None]).sum(1)
        better[rows] += above
        tied[rows] += (block >= (own - tolerance)[rows, None]).sum(1) - above
        _keep_best(best[rows], rival[rows], block, columns.start, scale)
    return RivalRanks(*(part.cpu() for part in (own, better, tied, best, rival, tolerance)))


def true_scores(
    measure: str,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " q"],
    *,
    device: torch.device | None = None,
) -> tuple[Float[Tensor, " q"], Float[Tensor, " q"]]:
    """Return `score` and `tolerance` of `RivalRanks` without ranking anything; arguments are as above."""
    scores = score_pairs(measure, anchors, candidates, torch.arange(len(true)), true, device=device).cpu()
    return scores, _tolerance(scores, scale_of_scored(measure, anchors, candidates, device).cpu())


def ranks_of(score: Float[Tensor, " q"], better: Int[Tensor, " q"], tied: Int[Tensor, " q"]) -> Float[Tensor, " q"]:
    """Return ranks from how many others are better and how many tie; NaN where the score is -inf."""
    return (1 + better + tied.double() / 2).masked_fill(score == -torch.inf, torch.nan)


def scale_of_scored(
    measure: str,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    device: torch.device | None = None,
) -> Float[Tensor, ""]:
    """Return `score_scale` of candidates that have a score, as some may have none; 0 where none has."""
    present = torch.stack([~each[:, 0].isnan() for each in candidates]).sum(0)
    usable = (present >= measures.get(measure).min_candidates).nonzero().flatten()
    if not len(usable):
        return torch.zeros((), dtype=torch.float64, device=device or anchors.device)
    some = usable[torch.linspace(0, len(usable) - 1, min(SCALE_SAMPLE, len(usable))).long()]
    return score_scale(measure, anchors, [each[some] for each in candidates], device)


def _tolerance(scores: Float[Tensor, " q"], scale: Tensor) -> Float[Tensor, " q"]:
    return tie_margin(scores.masked_fill(scores.isinf(), 0), scale)


def _leave_out(block: Tensor, own: Int[Tensor, " b"], skip: Bool[Tensor, " c"] | None) -> None:
    here = ((own >= 0) & (own < block.shape[1])).nonzero().flatten()
    block[here, own[here]] = -torch.inf
    if skip is not None:
        block[:, skip] = -torch.inf


def _keep_best(best: Tensor, rival: Tensor, block: Tensor, start: int, scale: Tensor) -> None:
    """Update the best so far in place where the block's best beats it: of those that tie, the first."""
    top = block.max(dim=1).values
    first = (block >= (top - _tolerance(top, scale)).unsqueeze(1)).byte().argmax(dim=1)
    new = top > best + _tolerance(best, scale)
    best.copy_(torch.where(new, top, best))
    rival.copy_(torch.where(new, first + start, rival))
