"""Shared by the checks of a set: the set, its retrieval, changes of R@1, and formats of numbers and names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.evaluate import RetrievalReport, evaluate

LISTED = 20  # items that a finding names
MIN_RECALL_CHANGE = 0.05  # smallest change of R@1 worth reporting, beyond its interval: one query in twenty
NORMAL_95 = 1.959964

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagnosisContext:
    """A set under diagnosis, and what several checks compute from it."""

    whole: EmbeddingSet  # the set, with the modalities of the task alone
    part: EmbeddingSet  # the items that are ranked, or a sample of them
    query: str  # the query modality, the anchor of both sets
    candidates: tuple[str, ...]  # the candidate modalities
    measure: str  # name of the measure
    device: torch.device  # where to compute
    seed: int  # of random draws
    _results: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, compute: Callable[["DiagnosisContext"], T]) -> T:
        """Return `compute(self)`, computed at most once: what one check measures, another may need."""
        if compute not in self._results:
            self._results[compute] = compute(self)
        result: T = self._results[compute]
        return result

    @cached_property
    def before(self) -> RetrievalReport:
        """The retrieval of the part, unchanged."""
        return self.retrieval(self.part, self.measure)

    def retrieval(self, embedding_set: EmbeddingSet, measure: str) -> RetrievalReport:
        """Return the same retrieval of another set, or by another measure."""
        return evaluate(embedding_set, self.query, self.candidates, measure, device=self.device)

    def ids(self, rows: Iterable[int], *, of: EmbeddingSet | None = None) -> tuple[str, ...]:
        """Return the ids of the first 20 of these rows of a set, the part if None."""
        listed = [int(row) for row in rows][:LISTED]
        return tuple((of or self.part).items["id"].iloc[listed].astype(str))


def paired_difference(first: RetrievalReport, second: RetrievalReport) -> tuple[float, float]:
    """Return R@1 of the first minus that of the second over the items both rank, and half its 95 % interval.

    The interval is that of a mean of paired differences; its width is 0 for fewer than two items.
    """
    rows = np.intersect1d(first.rows.numpy(), second.rows.numpy())
    if not len(rows):
        return float("nan"), 0.0
    differences = _recalls(first, rows) - _recalls(second, rows)
    half = NORMAL_95 * float(differences.std()) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    return float(differences.mean()), half


def _recalls(report: RetrievalReport, rows: np.ndarray) -> Tensor:
    return report.per_item("R@1")[torch.from_numpy(np.searchsorted(report.rows.numpy(), rows))]


def is_gain(before: RetrievalReport, after: RetrievalReport) -> bool:
    """Return whether R@1 rises by at least 0.05, and by more than chance."""
    fall, half = paired_difference(before, after)
    return -fall - half > 0 and -fall >= MIN_RECALL_CHANGE


def percent(share: float) -> str:
    """Format a share, e.g. 12.5 %."""
    return f"{100 * share:.1f} %"


def join_names(names: Sequence[str], word: str = "and") -> str:
    """Join names, e.g. "image, speech and tones"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
