"""The base class of measures, and their registry by name."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.core.registry import Registry
from gram.geometry.arrays import ArrayT, as_anchor, as_candidates, as_pairs, through_torch
from gram.geometry.orthonormal import missing_rows
from gram.measures.span_bounds import Bounds, SpanCoordinates

GRAM_PAPER = "G. Cicchetti, E. Grassucci, L. Sigillo, D. Comminiello, GRAM, ICLR 2025, arXiv 2412.11959"


class Prepared(NamedTuple):
    """Precomputed candidates of a measure: the n candidates of a gallery, or of a block of it."""

    tensors: tuple[Tensor, ...]  # what the measure needs, one row a candidate
    present: Bool[Tensor, "n"]  # False where an item lacks so many modalities that it has no score
    dtype: torch.dtype  # of the candidates, which with that of the anchors makes that of the scores


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Components of the score of one retrieved item, for `Measure.explain`.

    Attributes:
        label: what the item is called.
        score: the measure's score, higher = better aligned.
        base: volume of the candidate's own vectors, together with all but the anchor part of a joint query.
        height: distance of the query (the anchor part of a joint one) from their span; volume = base x height.
        cosines: cosine of the query (its anchor part) with each candidate modality; NaN where the item lacks it.
        own_cosine: mean cosine of the candidate's own vectors with each other; NaN with fewer than two.
    """

    label: str
    score: float
    base: float
    height: float
    cosines: Mapping[str, float]
    own_cosine: float = math.nan


class Measure(ABC):
    """A score between an anchor t and a candidate (m_2, ..., m_k); subclass it and add `@register`.

    A subclass declares the attributes and implements `_prepare`, `_scores` and `_paired_scores`; the rest has defaults.

    Attributes:
        name: what `get`, `score` and the command line call it.
        title: what a page calls it.
        formula: LaTeX, for an anchor t and a candidate (m_2, ..., m_k).
        help: one line for someone who meets it for the first time.
        fails: one line on when it misleads.
        source: where it is from.
        order: its place in lists; measures of the same order are listed by name.
        modalities: the number k of modalities, the anchor's included, that it is defined for; None for any.
        symbol: what a value is called where room is short; the name by default.
        small_is_aligned: whether the score is minus a quantity that people read without the minus, such as a volume.
        sign_invariant: whether a candidate that points away from the anchor can score as high as one that points to
            it. Approximate search then looks near -t, too.
        uses_candidate_base: whether a candidate's own vectors enter the score, so that a small base makes hubs.
        compares_by_span: whether distance from the span of the others says how far a vector is off; else its cosine.
        comparable_across_k: whether scores of items with different numbers of vectors go into one ranking: in scale
            and chance level they are alike, or nearly. False where one vector more or less changes what is large.
        span_size: what the score is minus a power of, see `span_power`: the volume, the height, or neither.
        limits: the least and largest value for unit vectors, see `value_range`.
        relative_cost: how long it takes, in terms of the mean cosine.
        joint_note: what to know when the query has several parts; a format of {anchor} and {joined}, "" for nothing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    help: ClassVar[str]
    fails: ClassVar[str]
    source: ClassVar[str]
    order: ClassVar[float] = math.inf
    modalities: ClassVar[int | None] = None
    symbol: ClassVar[str] = ""
    small_is_aligned: ClassVar[bool] = False
    sign_invariant: ClassVar[bool] = False
    uses_candidate_base: ClassVar[bool] = False
    compares_by_span: ClassVar[bool] = False
    comparable_across_k: ClassVar[bool] = True
    span_size: ClassVar[Literal["volume", "height", ""]] = ""
    limits: ClassVar[tuple[float, float] | None] = None
    relative_cost: ClassVar[float] = 1.0
    joint_note: ClassVar[str] = ""

    # what a subclass implements

    @abstractmethod
    def _prepare(self, rows: Float[Tensor, "n m d"]) -> tuple[Tensor, ...]:
        """Return what the candidates' rows contribute, one row a candidate; rows of NaN are missing modalities."""

    @abstractmethod
    def _scores(self, anchor: Float[Tensor, "q d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "q n"]:
        """Return the scores of all pairs, in the anchors' precision, from what `_prepare` returned."""

    @abstractmethod
    def _paired_scores(self, anchor: Float[Tensor, "n d"], tensors: tuple[Tensor, ...]) -> Float[Tensor, "n"]:
        """Return the diagonal of `_scores`."""

    def _join(self, vector: Float[Tensor, " d"], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return what `_prepare` returns for candidates that `vector` joins; optional, where it saves work."""
        raise NotImplementedError

    def _explain(self, first: Parts, true: Parts) -> str:
        """Return the sentence of `explain` for a query of one modality."""
        return f"{first.label} scores {first.score:.3g} against {true.score:.3g} for {true.label}."

    def random_mean(self, k: int, d: int) -> float:
        """Return the mean of the measure over k independent random directions in d dimensions.

        Without the minus where `small_is_aligned`; NaN where it is unknown.
        """
        return math.nan

    def value_range(self, k: int) -> tuple[float, float] | None:
        """Return the least and largest value for k unit vectors, without the minus where `small_is_aligned`.

        `limits`, unless they depend on k. None where the range is unknown or says little of real vectors: histograms
        then take the range of the data.
        """
        return self.limits

    def span_power(self, k: int) -> float:
        """Return the power of `span_size` for k vectors."""
        return 1.0

    def score_bounds(self, at: SpanCoordinates) -> Bounds:
        """Return no more and no less than each score of one query; optional, where it is quicker than scores.

        With it, search of a large gallery reads a byte a coordinate.
        """
        raise NotImplementedError

    # what callers use

    @property
    def min_candidates(self) -> int:
        """How many of the candidate's modalities an item must have to get a score: one, unless it needs all."""
        return 1 if self.modalities is None else self.modalities - 1

    @property
    def can_join(self) -> bool:
        """Whether `join` is supported."""
        return type(self)._join is not Measure._join

    @property
    def can_bound(self) -> bool:
        """Whether `score_bounds` is supported."""
        return type(self).score_bounds is not Measure.score_bounds

    def supports(self, k: int) -> bool:
        """Return whether the measure is defined for k modalities, the anchor's included."""
        return self.modalities is None or self.modalities == k

    def check(self, candidates: int) -> None:
        """Check that the measure is defined for this number of candidate modalities.

        Raises:
            ValueError: it is not; the message lists the measures that are.
        """
        if not self.supports(1 + candidates):
            raise ValueError(
                f"measure: {self.name} needs {self.min_candidates} candidate modalities beside the query, "
                f"got {candidates}: choose {self.min_candidates}, or one of {', '.join(names(1 + candidates))}"
            )

    @torch.no_grad()
    def prepare(self, *others: Float[Tensor, "n d"]) -> Prepared:
        """Return the candidates ready for `scores`: the part of the work that no anchor changes.

        Of float32 vectors, `volume`, `normalized-volume` and `height` keep 8 (k - 1) d bytes a candidate, `cosine-max`
        and `singular` 4 (k - 1) d, `triangle` 16 d, the others 4 d: prepare a long gallery in blocks. Candidates are
        independent of each other, so blocks give what the whole gives.

        Raises:
            ValueError: there is no other modality or a number of them that the measure is not defined for, or the
                shapes or devices do not fit.
        """
        rows = torch.stack(as_candidates(*others), dim=1)
        self.check(len(others))
        present = (~missing_rows(rows)).sum(dim=1) >= self.min_candidates
        return Prepared(self._prepare(rows), present, rows.dtype)

    @torch.no_grad()
    def join(self, vector: Float[Tensor, " d"], prepared: Prepared) -> Prepared:
        """Return the prepared candidates with one more vector, the same for all, among those of each.

        It equals `prepare` with that vector repeated, rounding aside, for a part of the work.

        Raises:
            ValueError: the measure has no shorter way (`can_join` is False).
        """
        if not self.can_join:
            raise ValueError(f"measure: {self.name} cannot join a vector to what is prepared; prepare again with it")
        tensors = self._join(vector.to(prepared.tensors[0]), prepared.tensors)
        return prepared._replace(tensors=tensors, present=torch.ones_like(prepared.present))

    @torch.no_grad()
    def scores(self, anchor: Float[Tensor, "q d"], prepared: Prepared) -> Float[Tensor, "q n"]:
        """Return the score of every anchor with every prepared candidate.

        Raises:
            ValueError: the anchors do not fit the candidates in length or device.
        """
        anchor = as_anchor(anchor, prepared.tensors[0], prepared.dtype)
        scores = self._scores(anchor, prepared.tensors)
        return scores.masked_fill_(~prepared.present & ~missing_rows(anchor).unsqueeze(1), -torch.inf)

    @torch.no_grad()
    def paired_scores(self, anchor: Float[Tensor, "n d"], prepared: Prepared) -> Float[Tensor, "n"]:
        """Return the score of anchor i with prepared candidate i: the diagonal of `scores`, without the rest.

        Raises:
            ValueError: the anchors do not fit the candidates in number, length or device.
        """
        anchor = as_anchor(anchor, prepared.tensors[0], prepared.dtype)
        if len(anchor) != len(prepared.present):
            raise ValueError(
                f"anchor: expected {len(prepared.present)} rows, one for each candidate, got {len(anchor)}"
            )
        scores = self._paired_scores(anchor, prepared.tensors).to(anchor.dtype)
        return scores.masked_fill_(~prepared.present & ~missing_rows(anchor), -torch.inf)

    def explain(self, first: Parts, true: Parts, asked: Sequence[str] = ("query",)) -> str:
        """Return one plain sentence on why the first hit scores higher than the true item.

        Args:
            first: the first hit.
            true: the true item, which scores less.
            asked: the modalities of the query, the anchor part first; the other parts are in every base.
        """
        if len(asked) > 1:  # what was asked with is part of every candidate, and a hit does not hold its cosines
            return f"Asked with {' and '.join(asked)}, {first.label} scores {first.score:.3g} against {true.score:.3g}."
        return self._explain(first, true)


M = TypeVar("M", bound=Measure)
_REGISTRY: Registry[Measure] = Registry("measure", "gram.measures", order=lambda measure: measure.order)


def register(measure: type[M]) -> type[M]:
    """Make a measure known by its name: a class decorator.

    Raises:
        TypeError: the class lacks an attribute or a method.
    """
    required = ("name", "title", "formula", "help", "fails", "source")
    if lacking := [each for each in required if not isinstance(getattr(measure, each, None), str)]:
        raise TypeError(f"measure {measure.__name__}: declare {', '.join(lacking)}")
    measure.symbol = measure.symbol or measure.name
    _REGISTRY.register(measure.name, measure())
    return measure


def names(k: int | None = None) -> list[str]:
    """Return the names of all measures, in the order in which pages list them.

    Args:
        k: only those defined for so many modalities, the anchor's included.
    """
    return [name for name, measure in _REGISTRY.items() if k is None or measure.supports(k)]


def get(name: str) -> Measure:
    """Return the measure of this name.

    Raises:
        ValueError: there is no such measure; the message lists those there are.
    """
    return _REGISTRY.get(name)


def score(measure: str | Measure, anchor: Float[ArrayT, "q d"], *others: Float[ArrayT, "n d"]) -> Float[ArrayT, "q n"]:
    """Return the score of every anchor with every candidate, higher = better aligned.

    Args:
        measure: the name of a measure, or a `Measure`.
        anchor: (q, d), one anchor a row.
        *others: the candidates, one (n, d) a modality; row j of each is candidate j.

    Returns:
        (q, n). Missing rows, zero vectors: see `gram.measures`.

    Raises:
        ValueError: there is no such measure, no other modality or a number of them that the measure is not defined
            for, or the shapes or devices do not fit.
    """
    return _prepared_scores("scores", measure, anchor, *others)


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
        ValueError: as `score`.
    """
    return _prepared_scores("paired_scores", measure, anchor, *others)


def _prepared_scores(method: str, measure: str | Measure, *vectors: ArrayT) -> ArrayT:
    """Return what a method of the measure gives for anchors and the prepared candidates."""
    chosen = get(measure) if isinstance(measure, str) else measure

    def compute(*vectors: Tensor) -> Tensor:
        anchor, others = as_pairs(*vectors)
        scores: Tensor = getattr(chosen, method)(anchor, chosen.prepare(*others))
        return scores

    return through_torch(compute, *vectors)


def present_cosines(parts: Parts) -> dict[str, float]:
    """Return the cosines of the modalities that an item has."""
    return {name: value for name, value in parts.cosines.items() if not math.isnan(value)}


def query_name(asked: Sequence[str]) -> str:
    """Return what a sentence calls the query: its anchor part where it has several."""
    return f"the {asked[0]}" if len(asked) > 1 else "the query"


def joined_names(asked: Sequence[str]) -> str:
    """Return the words for the other modalities of a query; "" where it has one."""
    return f" and the {' and '.join(asked[1:])} asked with" if len(asked) > 1 else ""
