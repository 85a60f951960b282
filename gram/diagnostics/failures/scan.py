"""Queries against a gallery in blocks: where each true item comes, and which other item comes first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram import measures
from gram.retrieval.scoring import BLOCK, TOLERANCE, score_scale

_SCALE_SAMPLE = 64  # candidates from which the size of a usual score is told


@dataclass(frozen=True, eq=False)
class Scan:
    """For each of q queries, its true item against all others of the gallery.

    Attributes:
        score: the true item's score; -inf where it has no vector to score.
        better: how many others beat it.
        tied: how many others tie with it.
        best: the best score of another item; -inf where there is none.
        best_at: that item's place in the gallery, the lowest of those that tie; -1 where there is none.
        tolerance: by how much scores may differ and still tie.
    """

    score: Float[Tensor, " q"]
    better: Int[Tensor, " q"]
    tied: Int[Tensor, " q"]
    best: Float[Tensor, " q"]
    best_at: Int[Tensor, " q"]
    tolerance: Float[Tensor, " q"]

    @property
    def ranks(self) -> Float[Tensor, " q"]:
        """Place of the true item, 1 for the best, the average of tied places; NaN where it has no score."""
        return ranks(self.score, self.better, self.tied)

    @property
    def margin(self) -> Float[Tensor, " q"]:
        """The true item's score minus the best other's; 0 where they tie."""
        margin = self.score - self.best
        return margin.masked_fill(margin.abs() <= self.tolerance, 0)


def ranks(score: Tensor, better: Tensor, tied: Tensor) -> Float[Tensor, " q"]:
    """Return places from how many others are better and how many tie; NaN where the score is -inf."""
    return (1 + better + tied.double() / 2).masked_fill(score == -torch.inf, torch.nan)


def scan(
    measure: str,
    anchors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " q"],
    *,
    scores: Float[Tensor, " q"] | None = None,
    skip: Bool[Tensor, " n"] | None = None,
    device: torch.device,
    progress: Callable[[float], None] = lambda share: None,
) -> Scan:
    """Return where the true items come, in float64 and in memory for one block of pairs.

    Args:
        measure: name of a measure.
        anchors: the queries; NaN nowhere.
        others: the gallery's modalities; NaN rows where an item lacks one.
        true: each query's own item, by place in the gallery.
        scores: what to take for the true items' scores, in place of their own.
        skip: items that are left out of the gallery.
        device: where to compute.
        progress: called with the share that is done.
    """
    ranked = measures.get(measure)
    anchors, true = _wide(anchors, device), true.to(device)
    typical = usual_score(ranked, anchors, others, device)
    own = paired(measure, anchors, others, true, device=device) if scores is None else scores.to(device)
    slack = _slack(own, typical)
    better, tied = torch.zeros(2, len(true), dtype=torch.int64, device=device)
    best, best_at = torch.full_like(own, -torch.inf), torch.full_like(true, -1)
    for start in range(0, len(others[0]), BLOCK):
        columns = slice(start, min(start + BLOCK, len(others[0])))
        prepared = ranked.prepare(*(_wide(other[columns], device) for other in others))
        for at in range(0, len(anchors), BLOCK):
            rows = slice(at, at + BLOCK)
            block = ranked.scores(anchors[rows], prepared)
            _leave_out(block, true[rows] - start, None if skip is None else skip[columns].to(device))
            above = (block > (own + slack)[rows, None]).sum(1)
            better[rows] += above
            tied[rows] += (block >= (own - slack)[rows, None]).sum(1) - above
            _keep_best(best[rows], best_at[rows], block, start, typical)
        progress(columns.stop / len(others[0]))
    return Scan(*(part.cpu() for part in (own, better, tied, best, best_at, slack)))


def own_scores(
    measure: str,
    anchors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " q"],
    *,
    device: torch.device,
) -> Scan:
    """Return the true items' scores and tolerances as `scan` does, without a look at any other item."""
    anchors = _wide(anchors, device)
    own = paired(measure, anchors, others, true, device=device)
    slack = _slack(own, usual_score(measures.get(measure), anchors, others, device))
    none = torch.zeros_like(true)
    return Scan(own.cpu(), none, none, torch.full_like(own, -torch.inf).cpu(), none - 1, slack.cpu())


def paired(
    measure: str,
    anchors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    at: Int[Tensor, " q"],
    *,
    device: torch.device,
) -> Float[Tensor, " q"]:
    """Return the score of each query with the item at a place of the gallery, in float64."""
    ranked = measures.get(measure)
    parts = []
    for start in range(0, len(at), BLOCK):
        places = at[start : start + BLOCK].to(others[0].device)
        prepared = ranked.prepare(*(_wide(other[places], device) for other in others))
        parts.append(ranked.paired_scores(_wide(anchors[start : start + BLOCK], device), prepared))
    return torch.cat(parts)


def _leave_out(block: Tensor, own: Int[Tensor, " q"], skip: Bool[Tensor, " b"] | None) -> None:
    here = ((own >= 0) & (own < block.shape[1])).nonzero().flatten()
    block[here, own[here]] = -torch.inf
    if skip is not None:
        block[:, skip] = -torch.inf


def _keep_best(best: Tensor, best_at: Tensor, block: Tensor, start: int, typical: Tensor) -> None:
    """Take over the block's best where it beats the best so far: of those that tie, the lowest place."""
    top = block.max(dim=1).values
    first = (block >= (top - _slack(top, typical)).unsqueeze(1)).byte().argmax(dim=1)
    new = top > best + _slack(best, typical)
    best.copy_(torch.where(new, top, best))
    best_at.copy_(torch.where(new, first + start, best_at))


def _slack(scores: Tensor, typical: Tensor) -> Tensor:
    return TOLERANCE * (scores.abs().masked_fill(scores.isinf(), 0) + typical)


def usual_score(ranked: measures.Measure, anchors: Tensor, others: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return the size of a usual score, of candidates that have one."""
    there = sum((~other[:, 0].isnan()).int() for other in others)
    usable = torch.as_tensor(there >= ranked.min_candidates).nonzero().flatten()
    if not len(usable):
        return torch.zeros((), dtype=torch.float64, device=device)
    some = usable[torch.linspace(0, len(usable) - 1, min(_SCALE_SAMPLE, len(usable))).long()]
    return score_scale(ranked, anchors, [other[some] for other in others], device)


def _wide(rows: Tensor, device: torch.device) -> Float[Tensor, "m d"]:
    return rows.to(device=device, dtype=torch.float64)
