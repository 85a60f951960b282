"""Every score by name, with one signature: (q, n), higher = better aligned.

The sign turns here and nowhere else. A measure works in two steps, so that a gallery is worked on once and
asked many times:

>>> import torch
>>> from gram import measures
>>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 5, 8), dim=-1)
>>> volume = measures.get("volume")
>>> prepared = volume.prepare(image, speech)
>>> torch.equal(volume.compare(text, prepared), measures.score("volume", text, image, speech))
True

A row that is NaN throughout is a modality that the item lacks. In every measure it is left out: the score is
that of the modalities that are there. A candidate that lacks them all scores -inf, so it is never retrieved; a
query that is missing has no answer, and its scores are NaN. A vector of zeros has cosine 0 with everything.
Scores carry no gradient: the losses do.

A new measure is one more entry of the registry at the end of this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram._arrays import ArrayT, as_anchor, as_candidates, as_pairs, through_torch
from gram._functions import candidate_blocks
from gram._spans import (
    full_precision,
    missing_rows,
    paired_distances,
    pairwise_distances,
    spans_of,
    tolerance,
    unit_rows,
)


class Prepared(NamedTuple):
    """The candidates' side of a measure, worked out once: the n candidates of a gallery, or of a block of it."""

    side: tuple[Tensor, ...]  # what the measure needs, one row a candidate
    present: Bool[Tensor, "n"]  # False where an item lacks every candidate modality
    dtype: torch.dtype  # of the candidates, which with that of the anchors makes that of the scores


@dataclass(frozen=True)
class Measure:
    """A score between an anchor and a candidate.

    Attributes:
        name: what `get` and `score` call it.
        title: what a page calls it.
        formula: LaTeX, for an anchor t and a candidate (m_2, ..., m_k).
        help: one line for someone who meets it for the first time.
        prepare_side: the candidates (n, m, d) to what `compare_side` needs of them.
        compare_side: anchors (q, d) and a side to scores (q, n).
        compare_side_paired: anchors (n, d) and a side to scores (n,).
    """

    name: str
    title: str
    formula: str
    help: str
    prepare_side: Callable[[Tensor], tuple[Tensor, ...]] = field(repr=False)
    compare_side: Callable[..., Tensor] = field(repr=False)
    compare_side_paired: Callable[..., Tensor] = field(repr=False)

    @torch.no_grad()
    def prepare(self, *others: Float[Tensor, "n d"]) -> Prepared:
        """Return the candidates ready for `compare`: the part of the work that no anchor changes.

        `volume` and `height` keep 8 (k - 1) d bytes a candidate, `cosine` and `centroid` 4 d: prepare a long gallery
        in blocks. Candidates are independent of each other, so blocks give what the whole gives.

        Raises:
            ValueError: when there is no other modality, or the shapes or devices do not fit.
        """
        rows = torch.stack(as_candidates(*others), dim=1)
        return Prepared(self.prepare_side(rows), ~missing_rows(rows).all(dim=1), rows.dtype)

    @torch.no_grad()
    def compare(self, anchor: Float[Tensor, "q d"], prepared: Prepared) -> Float[Tensor, "q n"]:
        """Return the score of every anchor with every prepared candidate.

        Raises:
            ValueError: when the anchors do not fit the candidates in length or device.
        """
        anchor = as_anchor(anchor, prepared.side[0], prepared.dtype)
        scores = self.compare_side(anchor, *prepared.side)
        return scores.masked_fill_(~prepared.present & ~missing_rows(anchor).unsqueeze(1), -torch.inf)

    @torch.no_grad()
    def compare_paired(self, anchor: Float[Tensor, "n d"], prepared: Prepared) -> Float[Tensor, "n"]:
        """Return the score of anchor i with prepared candidate i: the diagonal of `compare`, without the rest.

        Raises:
            ValueError: when the anchors do not fit the candidates in number, length or device.
        """
        anchor = as_anchor(anchor, prepared.side[0], prepared.dtype)
        if len(anchor) != len(prepared.present):
            raise ValueError(
                f"anchor: expected {len(prepared.present)} rows, one for each candidate, got {len(anchor)}"
            )
        scores = self.compare_side_paired(anchor, *prepared.side).to(anchor.dtype)
        return scores.masked_fill_(~prepared.present & ~missing_rows(anchor), -torch.inf)


def names() -> list[str]:
    """Return the names of all measures, in the order in which pages list them."""
    return list(_MEASURES)


def get(name: str) -> Measure:
    """Return the measure of this name.

    Raises:
        ValueError: when there is no such measure; the message lists those there are.
    """
    if name not in _MEASURES:
        raise ValueError(f"measure: expected one of {', '.join(_MEASURES)}; got {name!r}")
    return _MEASURES[name]


def score(measure: str | Measure, anchor: Float[ArrayT, "q d"], *others: Float[ArrayT, "n d"]) -> Float[ArrayT, "q n"]:
    """Return the score of every anchor with every candidate, higher = better aligned.

    Args:
        measure: the name of a measure, or a `Measure`.
        anchor: (q, d), one anchor a row.
        *others: the candidates, one (n, d) a modality; row j of each is candidate j.

    Returns:
        (q, n). Missing rows, zero vectors: see the head of this module.

    Raises:
        ValueError: when there is no such measure, no other modality, or the shapes or devices do not fit.
    """
    chosen = get(measure) if isinstance(measure, str) else measure

    def compare(anchor: Tensor, *others: Tensor) -> Tensor:
        anchor, others = as_pairs(anchor, *others)
        return chosen.compare(anchor, chosen.prepare(*others))

    return through_torch(compare, anchor, *others)


def paired_score(
    measure: str | Measure, anchor: Float[ArrayT, "n d"], *others: Float[ArrayT, "n d"]
) -> Float[ArrayT, "n"]:
    """Return the score of anchor i with candidate i: the diagonal of `score`, without the rest.

    Args:
        measure: the name of a measure, or a `Measure`.
        anchor: (n, d), one anchor a row.
        *others: the candidates, one (n, d) a modality.

    Returns:
        (n,).

    Raises:
        ValueError: when there is no such measure, no other modality, or the shapes or devices do not fit.
    """
    chosen = get(measure) if isinstance(measure, str) else measure

    def compare(anchor: Tensor, *others: Tensor) -> Tensor:
        anchor, others = as_pairs(anchor, *others)
        return chosen.compare_paired(anchor, chosen.prepare(*others))

    return through_torch(compare, anchor, *others)


def _span_and_base(rows: Tensor) -> tuple[Tensor, ...]:
    spans = spans_of(rows)
    return spans.basis, spans.volume


def _span_alone(rows: Tensor) -> tuple[Tensor, ...]:
    basis = spans_of(rows).basis
    return basis, basis.new_ones(len(basis))


def _minus_volume(anchor: Tensor, basis: Tensor, base: Tensor) -> Tensor:
    limit = tolerance(basis.shape[1] + 1, anchor.dtype)
    scores = anchor.new_empty(len(anchor), len(basis))
    for block in candidate_blocks(anchor, basis.shape[1], len(basis)):
        scores[:, block] = pairwise_distances(anchor, basis[block], limit).mul_(-base[block].to(anchor.dtype))
    return scores


def _minus_volume_paired(anchor: Tensor, basis: Tensor, base: Tensor) -> Tensor:
    return paired_distances(anchor, basis, tolerance(basis.shape[1] + 1, anchor.dtype)) * -base


def _mean_direction(rows: Tensor) -> tuple[Tensor, ...]:
    missing = missing_rows(rows).unsqueeze(-1)
    there = (~missing).sum(dim=1).clamp_min(1)
    return (unit_rows(rows).masked_fill(missing, 0).sum(dim=1) / there,)


def _centroid(rows: Tensor) -> tuple[Tensor, ...]:
    return (unit_rows(*_mean_direction(rows)),)


def _projection(anchor: Tensor, direction: Tensor) -> Tensor:
    with full_precision(anchor.device):
        return unit_rows(anchor) @ direction.to(anchor.dtype).mT


def _projection_paired(anchor: Tensor, direction: Tensor) -> Tensor:
    with full_precision(anchor.device):
        return torch.linalg.vecdot(unit_rows(anchor), direction.to(anchor.dtype))


_MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "volume",
            "Volume",
            r"-\sqrt{\det G(t, m_2, \dots, m_k)}",
            "Minus the volume of the parallelotope that the vectors span: 0 is perfectly aligned.",
            _span_and_base,
            _minus_volume,
            _minus_volume_paired,
        ),
        Measure(
            "height",
            "Height",
            r"-\min_a \lVert t - \textstyle\sum_i a_i m_i \rVert",
            "Minus the distance of the anchor from the span of the candidate's vectors, whatever their own volume.",
            _span_alone,
            _minus_volume,
            _minus_volume_paired,
        ),
        Measure(
            "cosine",
            "Mean cosine",
            r"\frac{1}{k-1} \sum_{i=2}^{k} \cos(t, m_i)",
            "The mean cosine of the anchor with each of the candidate's vectors: 1 is perfectly aligned.",
            _mean_direction,
            _projection,
            _projection_paired,
        ),
        Measure(
            "centroid",
            "Centroid cosine",
            r"\cos\bigl(t, \textstyle\sum_{i=2}^{k} m_i / \lVert m_i \rVert\bigr)",
            "The cosine of the anchor with the mean direction of the candidate's vectors.",
            _centroid,
            _projection,
            _projection_paired,
        ),
    )
}
