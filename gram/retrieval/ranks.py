"""Where true items come in a ranking, counted in blocks of pairs and in float64.

Two scores tie if they differ by no more than rounding can make them differ. In float32 that would hide real
differences between the small volumes of a well trained model, and split real ties by the noise of whichever
block a pair fell into; in float64 the two are far apart, so the counts depend neither on the blocks nor on
the machine.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures

BLOCK = 1024  # a block of pairs is 8 MB in float64; a measure holds a few of those at a time
# Rounding in a score is about sqrt(d) * 2e-16 of what the measure gives for vectors of these lengths, 1e-14
# or so; vectors that differ at all in float32 differ by 6e-8. The tolerance is between, nearer to rounding.
TOLERANCE = 1e-11
SCALE_SAMPLE, _SCALE_DIMENSIONS = 64, 256


@dataclass(frozen=True, eq=False)
class Places:
    """For each of m rankings: how many items beat the true one, and how many tie with it, itself included."""

    better: Int[Tensor, " m"]
    tied: Int[Tensor, " m"]

    def ranks(self) -> Float[Tensor, " m"]:
        """Return the place of the true item, 1 for the best: the average of the tied places."""
        return self.better + (self.tied.double() + 1) / 2

    def within(self, k: int) -> Float[Tensor, " m"]:
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


def count_places(
    measure: str,
    anchors: Float[Tensor, "q d"],
    others: Sequence[Float[Tensor, "n d"]],
    true: Int[Tensor, " m"],
    *,
    by_anchor: bool = True,
    device: torch.device | None = None,
    progress: Callable[[float], None] | None = None,
) -> Places:
    """Return the places of true items among all, in memory that grows with neither q nor n.

    Args:
        measure: name of a measure.
        anchors: the anchors; NaN nowhere.
        others: the candidates' modalities; NaN rows where a candidate lacks one, no candidate without any.
        true: by anchor, each anchor's true candidate (m = q); else each candidate's true anchor (m = n).
        by_anchor: rank candidates for each anchor; else anchors for each candidate.
        device: where to compute.
        progress: called with the share done after each block; an exception from it stops the work.
    """
    device = device or anchors.device
    ranked = measures.get(measure)
    everything = torch.arange(len(true))
    rows, columns = (everything, true) if by_anchor else (true, everything)
    scores = _paired_scores(ranked, anchors, others, rows, columns, device)
    margin = TOLERANCE * (scores.abs() + typical_score(ranked, anchors, others, device))
    low, high = scores - margin, scores + margin
    better, at_least = torch.zeros(2, len(true), dtype=torch.int64, device=device)
    for start, prepared in _prepared_blocks(ranked, others, device):
        for at in range(0, len(anchors), BLOCK):
            block = ranked.scores(_wide(anchors[at : at + BLOCK], device), prepared)
            mine = slice(at, at + block.shape[0]) if by_anchor else slice(start, start + block.shape[1])
            side, axis = ((slice(None), None), 1) if by_anchor else ((None, slice(None)), 0)
            better[mine] += (block > high[mine][side]).sum(axis)
            at_least[mine] += (block >= low[mine][side]).sum(axis)
            if progress is not None:
                progress(_share(start, at, len(others[0]), len(anchors)))
    return Places(better.cpu(), (at_least - better).clamp(min=1).cpu())


def _share(start: int, at: int, n: int, q: int) -> float:
    """Return how much is done with the block that begins at candidate `start` and anchor `at`."""
    columns, rows = min(BLOCK, n - start), min(at + BLOCK, q)
    return (start + columns * rows / q) / n


def _prepared_blocks(
    measure: measures.Measure, others: Sequence[Tensor], device: torch.device
) -> Iterator[tuple[int, measures.Prepared]]:
    for start in range(0, len(others[0]), BLOCK):
        yield start, measure.prepare(*(_wide(other[start : start + BLOCK], device) for other in others))


def _paired_scores(
    measure: measures.Measure,
    anchors: Tensor,
    others: Sequence[Tensor],
    rows: Int[Tensor, " m"],
    columns: Int[Tensor, " m"],
    device: torch.device,
) -> Float[Tensor, " m"]:
    """Return the score of each anchor in `rows` with the candidate beside it in `columns`."""
    scores = torch.empty(len(rows), dtype=torch.float64, device=device)
    for start in range(0, len(rows), BLOCK):
        pairs = slice(start, start + BLOCK)
        prepared = measure.prepare(*(_wide(other[columns[pairs]], device) for other in others))
        scores[pairs] = measure.paired_scores(_wide(anchors[rows[pairs]], device), prepared)
    return scores


def typical_score(measure: measures.Measure, anchors: Tensor, others: Sequence[Tensor], device: torch.device) -> Tensor:
    """Return the size of the score of random directions with the lengths of these vectors.

    A collapsed set has scores of nothing but rounding, whose size its own scores do not tell. Rows that are missing
    have none, and are passed over.
    """
    generator = torch.Generator().manual_seed(0)

    def scattered(vectors: Tensor) -> Tensor:
        rows = torch.linspace(0, len(vectors) - 1, min(SCALE_SAMPLE, len(vectors))).long()
        lengths = torch.linalg.vector_norm(vectors[rows].double(), dim=1).cpu()
        directions = torch.randn(len(rows), _SCALE_DIMENSIONS, dtype=torch.float64, generator=generator)
        return (directions * (lengths / torch.linalg.vector_norm(directions, dim=1))[:, None]).to(device)

    scores = measure.scores(scattered(anchors), measure.prepare(*map(scattered, others)))
    return scores.abs()[scores.isfinite()].median()


def _wide(rows: Tensor, device: torch.device) -> Float[Tensor, "m d"]:
    return rows.to(device=device, dtype=torch.float64)
