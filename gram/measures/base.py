"""Every score by name, with one signature: (q, n), higher = better aligned.

The sign turns here and nowhere else. A measure works in two steps, so that a gallery is worked on once and
asked many times:

>>> import torch
>>> from gram import measures
>>> text, image, speech = torch.nn.functional.normalize(torch.randn(3, 5, 8), dim=-1)
>>> volume = measures.get("volume")
>>> prepared = volume.prepare(image, speech)
>>> torch.equal(volume.scores(text, prepared), measures.score("volume", text, image, speech))
True

A row that is NaN throughout is a modality that the item lacks. In every measure it is left out: the score is
that of the modalities that are there. A candidate that lacks them all scores -inf, so it is never retrieved; a
query that is missing has no answer, and its scores are NaN. A vector of zeros has cosine 0 with everything.
Scores carry no gradient: the losses do.

Items that lack different modalities are judged by different numbers of vectors, and not every measure gives those
comparable scores: random vectors of k = 2 and k = 4 have different volumes, and one vector fewer mostly leaves a
larger one. `comparable_across_k` says which do; `gram.retrieval.mixed` asks it of a set.

A measure may be defined for one number of modalities only: `triangle` is for three. With another number of them it
raises, `names(k)` leaves it out, and a candidate that lacks any of its vectors scores -inf: fewer points would always
span an area of 0, the best there is.

A new measure is one more entry of the registry at the end of this file; its arithmetic is in `_measure_sides.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.geometry.arrays import ArrayT, as_anchor, as_candidates, as_pairs, through_torch
from gram.geometry.orthonormal import missing_rows
from gram.measures import sides as sides


class Prepared(NamedTuple):
    """The candidates' side of a measure, worked out once: the n candidates of a gallery, or of a block of it."""

    side: tuple[Tensor, ...]  # what the measure needs, one row a candidate
    present: Bool[Tensor, "n"]  # False where an item lacks so many modalities that it has no score
    dtype: torch.dtype  # of the candidates, which with that of the anchors makes that of the scores


@dataclass(frozen=True)
class Measure:
    """A score between an anchor and a candidate.

    Attributes:
        name: what `get` and `score` call it.
        title: what a page calls it.
        formula: LaTeX, for an anchor t and a candidate (m_2, ..., m_k).
        help: one line for someone who meets it for the first time.
        fails: one line on when it misleads.
        source: where it is from.
        prepare_side: the candidates (n, m, d) to what `compare_side` needs of them.
        compare_side: anchors (q, d) and a side to scores (q, n).
        compare_side_paired: anchors (n, d) and a side to scores (n,).
        modalities: the number k of modalities, the anchor's included, that it is defined for; None for any.
        comparable_across_k: whether scores of items with different numbers of vectors go into one ranking: in scale
            and chance level they are alike, or nearly. False where one vector more or less changes what is large.
        join_to_side: a vector (d,) and a side to the side of the candidates that this vector joins; None where that
            saves nothing over preparing them again.
    """

    name: str
    title: str
    formula: str
    help: str
    fails: str
    source: str
    prepare_side: Callable[[Tensor], tuple[Tensor, ...]] = field(repr=False)
    compare_side: Callable[..., Tensor] = field(repr=False)
    compare_side_paired: Callable[..., Tensor] = field(repr=False)
    modalities: int | None = None
    comparable_across_k: bool = True
    join_to_side: Callable[..., tuple[Tensor, ...]] | None = field(default=None, repr=False)

    @property
    def min_candidates(self) -> int:
        """How many of the candidate's modalities an item must have to get a score: one, unless it needs all."""
        return 1 if self.modalities is None else self.modalities - 1

    def supports(self, k: int) -> bool:
        """Return whether the measure is defined for k modalities, the anchor's included."""
        return self.modalities is None or self.modalities == k

    def check(self, candidates: int) -> None:
        """Raise an error that says what to do, unless the measure is defined for so many candidate modalities.

        Raises:
            ValueError: it is not.
        """
        if not self.supports(1 + candidates):
            raise ValueError(
                f"measure: {self.name} needs {self.min_candidates} candidate modalities beside the query, "
                f"got {candidates}: choose {self.min_candidates}, or one of {', '.join(names(1 + candidates))}"
            )

    @torch.no_grad()
    def prepare(self, *others: Float[Tensor, "n d"]) -> Prepared:
        """Return the candidates ready for `compare`: the part of the work that no anchor changes.

        Of float32 vectors, `volume`, `normalized-volume` and `height` keep 8 (k - 1) d bytes a candidate, `cosine-max`
        and `singular` 4 (k - 1) d, `triangle` 16 d, the others 4 d: prepare a long gallery in blocks. Candidates are
        independent of each other, so blocks give what the whole gives.

        Raises:
            ValueError: when there is no other modality or a number of them that the measure is not defined for, or
                the shapes or devices do not fit.
        """
        rows = torch.stack(as_candidates(*others), dim=1)
        self.check(len(others))
        return Prepared(self.prepare_side(rows), (~missing_rows(rows)).sum(dim=1) >= self.min_candidates, rows.dtype)

    @torch.no_grad()
    def join(self, vector: Float[Tensor, " d"], prepared: Prepared) -> Prepared:
        """Return the prepared candidates with one more vector, the same for all, among those of each.

        It equals `prepare` with that vector repeated, rounding aside, for a part of the work.

        Raises:
            ValueError: the measure has no shorter way (`join_to_side` is None).
        """
        if self.join_to_side is None:
            raise ValueError(f"measure: {self.name} cannot join a vector to what is prepared; prepare again with it")
        side = self.join_to_side(vector.to(prepared.side[0]), *prepared.side)
        return prepared._replace(side=side, present=torch.ones_like(prepared.present))

    @torch.no_grad()
    def scores(self, anchor: Float[Tensor, "q d"], prepared: Prepared) -> Float[Tensor, "q n"]:
        """Return the score of every anchor with every prepared candidate.

        Raises:
            ValueError: when the anchors do not fit the candidates in length or device.
        """
        anchor = as_anchor(anchor, prepared.side[0], prepared.dtype)
        scores = self.compare_side(anchor, *prepared.side)
        return scores.masked_fill_(~prepared.present & ~missing_rows(anchor).unsqueeze(1), -torch.inf)

    @torch.no_grad()
    def paired_scores(self, anchor: Float[Tensor, "n d"], prepared: Prepared) -> Float[Tensor, "n"]:
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


def names(k: int | None = None) -> list[str]:
    """Return the names of all measures, in the order in which pages list them.

    Args:
        k: only those defined for so many modalities, the anchor's included.
    """
    return [name for name, measure in _MEASURES.items() if k is None or measure.supports(k)]


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
        ValueError: when there is no such measure, no other modality or a number of them that the measure is not defined
            for, or the shapes or devices do not fit.
    """
    chosen = get(measure) if isinstance(measure, str) else measure

    def compare(anchor: Tensor, *others: Tensor) -> Tensor:
        anchor, others = as_pairs(anchor, *others)
        return chosen.scores(anchor, chosen.prepare(*others))

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
        ValueError: when there is no such measure, no other modality or a number of them that the measure is not defined
            for, or the shapes or devices do not fit.
    """
    chosen = get(measure) if isinstance(measure, str) else measure

    def compare(anchor: Tensor, *others: Tensor) -> Tensor:
        anchor, others = as_pairs(anchor, *others)
        return chosen.paired_scores(anchor, chosen.prepare(*others))

    return through_torch(compare, anchor, *others)


_GRAM = "G. Cicchetti, E. Grassucci, L. Sigillo, D. Comminiello, GRAM, ICLR 2025, arXiv 2412.11959"

_MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "volume",
            "Volume",
            r"-\sqrt{\det G(t, m_2, \dots, m_k)}",
            "Minus the volume of the parallelotope that the vectors span: 0 is perfectly aligned.",
            "A candidate whose own vectors are nearly dependent wins against every query, a hub; and a vector turned "
            "into its opposite changes nothing.",
            _GRAM,
            sides.prepare_span_and_base,
            sides.minus_volume,
            sides.minus_volume_paired,
            comparable_across_k=False,
            join_to_side=sides.join_to_span_and_base,
        ),
        Measure(
            "height",
            "Height",
            r"-\min_a \lVert t - \textstyle\sum_i a_i m_i \rVert",
            "Minus the distance of the anchor from the span of the candidate's vectors, whatever their own volume.",
            "An anchor that a mixture of the candidate's vectors gives, with any signs and sizes, scores full marks "
            "though it is near to none of them.",
            f"The height in volume = base × height; the volume is that of {_GRAM}",
            sides.prepare_span,
            sides.minus_volume,
            sides.minus_volume_paired,
            join_to_side=sides.join_to_span,
        ),
        Measure(
            "cosine",
            "Mean cosine",
            r"\frac{1}{k-1} \sum_{i=2}^{k} \cos(t, m_i)",
            "The mean cosine of the anchor with each of the candidate's vectors: 1 is perfectly aligned.",
            "Whether the candidate's vectors agree with each other does not count, and one that is far off is made up "
            "for by the others.",
            "The usual score of contrastive models (A. Radford and others, CLIP, ICML 2021, arXiv 2103.00020), "
            "averaged over the candidate's modalities",
            sides.prepare_mean_direction,
            sides.projection,
            sides.paired_projection,
        ),
        Measure(
            "centroid",
            "Centroid cosine",
            r"\cos\bigl(t, \textstyle\sum_{i=2}^{k} m_i / \lVert m_i \rVert\bigr)",
            "The cosine of the anchor with the mean direction of the candidate's vectors.",
            "A candidate whose vectors contradict each other is judged by the little that is left of their mean, as "
            "sternly as one whose vectors agree.",
            "The mean cosine divided by the length of the mean of the candidate's unit vectors",
            sides.prepare_centroid,
            sides.projection,
            sides.paired_projection,
        ),
        Measure(
            "normalized-volume",
            "Normalised volume",
            r"-\sqrt[k]{V(t, m_2, \dots, m_k)}, \quad V = \sqrt{\det G}",
            "Minus the side of a cube with the volume of the vectors that are there: ranks as volume does where items "
            "are complete, and compares those that lack a modality.",
            "A hub by volume is one here too. And as the same cosines give a smaller side the more vectors there are, "
            "items with all modalities are still favoured a little.",
            "The geometric mean of each vector's distance from the span of those before it; the volume is that of "
            f"{_GRAM}",
            sides.prepare_span_base_and_count,
            sides.minus_side,
            sides.minus_side_paired,
            join_to_side=sides.join_to_span_base_and_count,
        ),
        Measure(
            "cosine-max",
            "Largest cosine",
            r"\max_{2 \le i \le k} \cos(t, m_i)",
            "The cosine of the anchor with the nearest of the candidate's vectors: 1 is perfectly aligned.",
            "One modality that fits is enough, whatever the others say; and the more there are, the higher a candidate "
            "scores by chance.",
            "The usual cosine score, of the best modality",
            sides.prepare_units,
            sides.largest_projection,
            sides.largest_projection_paired,
            comparable_across_k=False,
        ),
        Measure(
            "pairwise-mean",
            "Mean of all cosines",
            r"\frac{2}{k(k-1)} \sum_{i<j} \cos(m_i, m_j), \quad m_1 = t",
            "The mean cosine over all pairs of the vectors, the anchor's and the candidate's own: 1 is all alike.",
            "Only 2/k of the pairs have the anchor in them, so a candidate whose own vectors agree gains with every "
            "query: a hub.",
            "The mean of the Gram matrix of the unit vectors off its diagonal",
            sides.prepare_sum_and_own,
            sides.projection_and_own,
            sides.projection_and_own_paired,
        ),
        Measure(
            "triangle",
            "Triangle area",
            r"-\tfrac{1}{2} \lVert (t - m_2) \wedge (t - m_3) \rVert",
            "Minus the area of the triangle between the tips of three unit vectors: 0 is aligned. For k = 3.",
            "Two of the three that coincide are enough for 0, whatever the third: a candidate whose own two do wins "
            "against every query, a hub.",
            # The paper's area has the factor 1/2 and the root; the loss in the authors' code leaves the root out.
            "G. Cicchetti, E. Grassucci, D. Comminiello, A TRIANGLE Enables Multimodal Alignment Beyond Cosine "
            "Similarity, NeurIPS 2025, arXiv 2509.24734",
            sides.prepare_edge,
            sides.minus_area,
            sides.minus_area_paired,
            modalities=3,
        ),
        Measure(
            "singular",
            "Largest singular value",
            r"\sigma_1(t, m_2, \dots, m_k) = \sqrt{\lambda_{\max} G(t, m_2, \dots, m_k)}",
            "The largest singular value of the stacked unit vectors: from 1, all at right angles, to √k, all on one "
            "line.",
            "A candidate whose own vectors lie on one line scores √(k − 1) or more with every query, a hub; and a "
            "vector turned into its opposite changes nothing.",
            "X. Liu, X. Xia, S.-K. Ng, T.-S. Chua, Principled Multimodal Representation Learning (PMRL), 2025, "
            "arXiv 2507.17343",
            sides.prepare_principal_axes,
            sides.largest_singular_value,
            sides.paired_largest_singular_value,
            comparable_across_k=False,
        ),
        Measure(
            "symile",
            "Multilinear product",
            r"\sum_{c=1}^{d} t_c \prod_{i=2}^{k} m_{ic}",
            "The product of all unit vectors, coordinate by coordinate, summed: large when all agree on a coordinate.",
            "It depends on the axes: turn all vectors alike and it changes, so it says little of a model that was not "
            "trained with it. Two opposite signs cancel.",
            "A. Saporta, A. Puli, M. Goldstein, R. Ranganath, Contrasting with Symile, NeurIPS 2024, arXiv 2411.01053",
            sides.prepare_product,
            sides.projection,
            sides.paired_projection,
            comparable_across_k=False,
        ),
    )
}
