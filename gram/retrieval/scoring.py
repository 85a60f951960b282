"""Scores of all pairs of anchors and candidates in float64, block by block.

Two scores tie where they differ by no more than rounding explains. In float32 such a tolerance would hide real
differences between the small volumes of a well trained model; in float64 rounding and difference are far apart, so
ties depend neither on the blocks nor on the machine.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress

BLOCK = 1024  # anchors and candidates of a block: 8 MB of scores; a measure holds a few of those at a time
# Rounding in a score is about sqrt(d) * 2e-16 of what the measure gives for vectors of these lengths, 1e-14
# or so; vectors that differ at all in float32 differ by 6e-8. The tolerance is between, nearer to rounding.
TOLERANCE = 1e-11
SCALE_SAMPLE, _SCALE_DIMENSIONS = 64, 256

Scores = TypeVar("Scores", Tensor, np.ndarray)
Rows = Int[Tensor, " m"]


def score_blocks(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    *,
    anchor_rows: Rows | None = None,
    candidate_rows: Rows | None = None,
    device: torch.device | None = None,
    block: int | None = None,
    progress: Progress = no_progress,
) -> Iterator[tuple[slice, slice, Float[Tensor, "b c"]]]:
    """Yield (rows, columns, scores) for blocks that cover every pair of an anchor and a candidate once.

    Vectors are widened to float64 a block at a time, so memory-mapped float16 is never copied as a whole. Blocks of
    the same candidates follow each other: a candidate is prepared once.

    Args:
        measure: its name, or the measure.
        anchors: the anchors.
        candidates: one tensor a modality; NaN rows where a candidate lacks it.
        anchor_rows: score only these rows of `anchors`, in this order; `rows` then counts them.
        candidate_rows: likewise for candidates and `columns`.
        device: where to compute; that of the anchors if None.
        block: anchors and candidates in a block, `BLOCK` if None.
        progress: called after each block with the share done.
    """
    chosen, block, device = _resolve(measure), block or BLOCK, device or anchors.device
    q = len(anchors) if anchor_rows is None else len(anchor_rows)
    n = len(candidates[0]) if candidate_rows is None else len(candidate_rows)
    for columns in _slices(n, block):
        prepared = chosen.prepare(*(_wide(each, columns, candidate_rows, device) for each in candidates))
        for rows in _slices(q, block):
            yield rows, columns, chosen.scores(_wide(anchors, rows, anchor_rows, device), prepared)
            progress((columns.start + (columns.stop - columns.start) * rows.stop / q) / n)


def score_pairs(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    rows: Rows,
    columns: Rows,
    *,
    device: torch.device | None = None,
) -> Float[Tensor, " m"]:
    """Return the score of anchor rows[i] with candidate columns[i], in float64.

    Arguments are those of `score_blocks`.
    """
    chosen, device = _resolve(measure), device or anchors.device
    scores = torch.empty(len(rows), dtype=torch.float64, device=device)
    for pairs in _slices(len(rows), BLOCK):
        prepared = chosen.prepare(*(_wide(each, pairs, columns, device) for each in candidates))
        scores[pairs] = chosen.paired_scores(_wide(anchors, pairs, rows, device), prepared)
    return scores


def score_scale(
    measure: str | measures.Measure,
    anchors: Float[Tensor, "q d"],
    candidates: Sequence[Float[Tensor, "n d"]],
    device: torch.device | None = None,
) -> Float[Tensor, ""]:
    """Return the median size of a score of random directions with the lengths of these vectors.

    It is what rounding is measured against (`tie_margin`): a collapsed set has scores of nothing but rounding, whose
    size its own scores do not tell. Missing rows are left out.
    """
    chosen, device = _resolve(measure), device or anchors.device
    generator = torch.Generator().manual_seed(0)

    def scattered(vectors: Tensor) -> Tensor:
        rows = torch.linspace(0, len(vectors) - 1, min(SCALE_SAMPLE, len(vectors))).long()
        lengths = torch.linalg.vector_norm(vectors[rows].double(), dim=1).cpu()
        directions = torch.randn(len(rows), _SCALE_DIMENSIONS, dtype=torch.float64, generator=generator)
        return (directions * (lengths / torch.linalg.vector_norm(directions, dim=1))[:, None]).to(device)

    scores = chosen.scores(scattered(anchors), chosen.prepare(*map(scattered, candidates)))
    return scores.abs()[scores.isfinite()].median()


def tie_margin(scores: Scores, scale: Tensor | float) -> Scores:
    """Return by how much others may differ from these scores and still tie, with `scale` from `score_scale`."""
    return TOLERANCE * (abs(scores) + scale)


def _resolve(measure: str | measures.Measure) -> measures.Measure:
    return measures.get(measure) if isinstance(measure, str) else measure


def _slices(count: int, block: int) -> Iterator[slice]:
    for start in range(0, count, block):
        yield slice(start, min(start + block, count))


def _wide(vectors: Tensor, block: slice, rows: Rows | None, device: torch.device) -> Float[Tensor, "b d"]:
    return vectors[block if rows is None else rows[block].to(vectors.device)].to(device, torch.float64)
