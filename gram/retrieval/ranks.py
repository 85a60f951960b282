"""Ranks of the true items, counted from blocks of scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.retrieval.scoring import Candidates, score_blocks, score_pairs, score_scale, tie_margin


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
        mine = rows if by_anchor else columns
        side, axis = ((slice(None), None), 1) if by_anchor else ((None, slice(None)), 0)
        better[mine] += (block > high[mine][side]).sum(axis)
        at_least[mine] += (block >= low[mine][side]).sum(axis)
    return Ranks(better.cpu(), (at_least - better).clamp(min=1).cpu())
