"""Scores of all pairs of anchors and candidates in float64, block by block.

Two scores tie where they differ by no more than rounding explains. In float32 such a tolerance would hide real
differences between the small volumes of a well trained model; in float64 rounding and difference are far apart, so
ties depend neither on the blocks nor on the machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.geometry.orthonormal import unit_rows

BLOCK = 1024  # anchors and candidates of a block: 8 MB of scores; a measure holds a few of those at a time
# Rounding in a score is about sqrt(d) * 2e-16 of what the measure gives for vectors of these lengths, 1e-14
# or so; vectors that differ at all in float32 differ by 6e-8. The tolerance is between, nearer to rounding.
TOLERANCE = 1e-11
SCALE_SAMPLE, _SCALE_DIMENSIONS = 64, 256

Scores = TypeVar("Scores", Tensor, np.ndarray, float)
Rows = Int[Tensor, " m"]


class Candidates:
    """The vectors of n candidates, one tensor a modality, widened to float64 where they are read.

    Attributes:
        vectors: as they are stored, memory-mapped float16 included; NaN rows where a candidate lacks a modality.
        rows: the candidates' rows of `vectors`; all if None.
        device: where to compute.
        normalize: whether rows are scaled to length one as they are read.
    """

    def __init__(
        self,
        vectors: Sequence[Float[Tensor, "rows d"]],
        rows: Rows | None = None,
        *,
        device: torch.device | None = None,
        normalize: bool = False,
    ) -> None:
        self.vectors, self.rows, self.normalize = tuple(vectors), rows, normalize
        self.device = device or self.vectors[0].device

    def __len__(self) -> int:
        """Return n."""
        return len(self.vectors[0]) if self.rows is None else len(self.rows)

    def take(self, positions: slice | Rows) -> list[Float[Tensor, "b d"]]:
        """Return the vectors of some candidates, one float64 tensor a modality."""
        rows = positions if self.rows is None else self.rows[positions]
        wide = [_wide(each, rows, self.device) for each in self.vectors]
        return [unit_rows(each) for each in wide] if self.normalize else wide

    def prepare(
        self, measure: measures.Measure, positions: slice | Rows, joined: Sequence[Float[Tensor, " d"]] = ()
    ) -> measures.Prepared:
        """Return some candidates prepared for a measure, with vectors joined to each one's own."""
        own = self.take(positions)
        return measure.prepare(*(vector.expand_as(own[0]) for vector in joined), *own)

    def prepare_blocks(
        self, measure: measures.Measure, joined: Sequence[Float[Tensor, " d"]] = (), *, block: int | None = None
    ) -> "Iterator[Block]":
        """Yield the positions and prepared candidates of each block."""
        for columns in _slices(len(self), block or BLOCK):
            yield columns, self.prepare(measure, columns, joined)


Block = tuple[slice, measures.Prepared]


def score_blocks(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Candidates | Sequence[Float[Tensor, "n d"]],
    *,
    anchor_rows: Rows | None = None,
    candidate_rows: Rows | None = None,
    device: torch.device | None = None,
    block: int | None = None,
    prepared: Iterable[Block] | None = None,
    progress: Progress = no_progress,
) -> Iterator[tuple[slice, slice, Float[Tensor, "b c"]]]:
    """Yield (rows, columns, scores) for blocks that cover every pair of an anchor and a candidate once.

    Vectors are widened to float64 a block at a time, so memory-mapped float16 is never copied as a whole. Blocks of
    the same candidates follow each other: a candidate is prepared once.

    Args:
        measure: its name, or the measure.
        anchors: the anchors.
        candidates: one tensor a modality, NaN rows where a candidate lacks it; or `Candidates`.
        anchor_rows: score only these rows of `anchors`, in this order; `rows` then counts them.
        candidate_rows: likewise for candidates and `columns`.
        device: where to compute; that of the candidates or else of the anchors if None.
        block: anchors and candidates in a block, `BLOCK` if None.
        prepared: what `Candidates.prepare_blocks` gave for these candidates, kept.
        progress: called after each block with the share done.
    """
    chosen, block = _resolve(measure), block or BLOCK
    if not isinstance(candidates, Candidates):
        candidates = Candidates(candidates, candidate_rows, device=device or anchors.device)
    q, n = len(anchors) if anchor_rows is None else len(anchor_rows), len(candidates)
    for columns, side in candidates.prepare_blocks(chosen, block=block) if prepared is None else prepared:
        for rows in _slices(q, block):
            wide = _wide(anchors, rows if anchor_rows is None else anchor_rows[rows], candidates.device)
            yield rows, columns, chosen.scores(wide, side)
            progress((columns.start + (columns.stop - columns.start) * rows.stop / q) / n)


def score_pairs(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Candidates | Sequence[Float[Tensor, "n d"]],
    rows: Rows,
    columns: Rows,
    *,
    joined: Sequence[Float[Tensor, " d"]] = (),
    device: torch.device | None = None,
) -> Float[Tensor, " m"]:
    """Return the score of anchor rows[i] with candidate columns[i], in float64; `joined` vectors join each candidate.

    Other arguments are those of `score_blocks`.
    """
    chosen = _resolve(measure)
    if not isinstance(candidates, Candidates):
        candidates = Candidates(candidates, device=device or anchors.device)
    scores = torch.empty(len(rows), dtype=torch.float64, device=candidates.device)
    for pairs in _slices(len(rows), BLOCK):
        prepared = candidates.prepare(chosen, columns[pairs], joined)
        scores[pairs] = chosen.paired_scores(_wide(anchors, rows[pairs], candidates.device), prepared)
    return scores


def score_all(
    measure: str | measures.Measure,
    query: Float[Tensor, "p d"],
    candidates: Candidates | Sequence[Float[Tensor, "n d"]],
    *,
    prepared: Iterable[Block] | None = None,
    progress: Progress = no_progress,
) -> Float[np.ndarray, " n"]:
    """Return the score of one query with every candidate, in float64.

    The query is the anchor, and below it the vectors that join each candidate's own; `prepared` blocks have them joined
    already. A candidate without any vector scores -inf, and a query of NaN has NaN with all.
    """
    chosen = _resolve(measure)
    if not isinstance(candidates, Candidates):
        candidates = Candidates(candidates)
    if prepared is None:
        prepared = candidates.prepare_blocks(chosen, list(query[1:].to(candidates.device, torch.float64)))
    blocks = score_blocks(chosen, query[:1], candidates, prepared=prepared, progress=progress)
    return torch.cat([scores[0].cpu() for _, _, scores in blocks]).numpy()


def score_scale(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Candidates | Sequence[Float[Tensor, "n d"]],
    device: torch.device | None = None,
) -> Float[Tensor, ""]:
    """Return the median size of a score of random directions with the lengths of these vectors.

    `tie_margin` measures rounding against it, not against the scores themselves: those of a collapsed set are nothing
    but rounding. Missing rows are left out.
    """
    chosen, device = _resolve(measure), device or anchors.device
    generator = torch.Generator().manual_seed(0)

    if isinstance(candidates, Candidates):
        candidates = candidates.take(_sampled(len(candidates)))

    def scattered(vectors: Tensor) -> Tensor:
        rows = _sampled(len(vectors))
        lengths = torch.linalg.vector_norm(vectors[rows].double(), dim=1).cpu()
        directions = torch.randn(len(rows), _SCALE_DIMENSIONS, dtype=torch.float64, generator=generator)
        return (directions * (lengths / torch.linalg.vector_norm(directions, dim=1))[:, None]).to(device)

    scores = chosen.scores(scattered(anchors), chosen.prepare(*map(scattered, candidates)))
    return scores.abs()[scores.isfinite()].median()


def tie_margin(scores: Scores, scale: Tensor | float) -> Scores:
    """Return by how much others may differ from these scores and still tie, with `scale` from `score_scale`."""
    return TOLERANCE * (abs(scores) + scale)  # type: ignore[return-value]  # as the scores came


def _sampled(count: int) -> Rows:
    return torch.linspace(0, count - 1, min(SCALE_SAMPLE, count)).long()


def _resolve(measure: str | measures.Measure) -> measures.Measure:
    return measures.get(measure) if isinstance(measure, str) else measure


def _slices(count: int, block: int) -> Iterator[slice]:
    for start in range(0, count, block):
        yield slice(start, min(start + block, count))


def _wide(vectors: Tensor, rows: slice | Rows, device: torch.device) -> Float[Tensor, "b d"]:
    taken = vectors[rows if isinstance(rows, slice) else rows.to(vectors.device)].to(device)
    # In two steps, float16 is widened several times as fast.
    return (taken.float() if taken.dtype in (torch.float16, torch.bfloat16) else taken).double()
