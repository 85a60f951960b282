"""What several judgements need of a set, worked out once, and how numbers and names are said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import LISTED, Check, Finding
from gram.diagnostics.dataset.collapse import Collapse, find_collapse
from gram.diagnostics.dataset.hubs import Hubs, find_hubs
from gram.diagnostics.dataset.imbalance import Imbalance, find_imbalance, paired_difference
from gram.diagnostics.dataset.numerics import Numerics, find_numerics
from gram.retrieval.evaluate import RetrievalReport, evaluate

Judgement = tuple[list[Finding], list[Check]]

# What a change of the set must bring, beyond the interval, to be worth a word: one query in twenty.
MIN_RECALL_CHANGE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagnosisContext:
    """A set to be judged, and what several judgements need of it.

    Attributes:
        whole: the set, with the modalities of the task alone.
        part: the items that are ranked, or the sample of them.
        query: the modality that asks, the anchor of both.
        candidates: those that answer.
        measure: what ranks.
        device: where to compute.
        seed: of what is drawn.
    """

    whole: EmbeddingSet
    part: EmbeddingSet
    query: str
    candidates: tuple[str, ...]
    measure: str
    device: str | torch.device
    seed: int

    @cached_property
    def hubs(self) -> Hubs:
        """How often each candidate comes first."""
        return find_hubs(self.part, self.query, self.candidates, self.measure, device=self.device)

    @cached_property
    def fair(self) -> str:
        """The measure to compare sets by: height where volume finds hubs, which any change at all may disturb."""
        return "height" if self.measure == "volume" and (self.hubs.crowded or self.hubs.base_costs) else self.measure

    @cached_property
    def imbalance(self) -> Imbalance:
        """R@1 of each candidate, of all but each, and of all, by the fair measure."""
        return find_imbalance(self.part, self.query, self.candidates, self.fair, every=False, device=self.device)

    @cached_property
    def before(self) -> RetrievalReport:
        """The retrieval as it is."""
        report = self.imbalance.all.report
        return report if self.fair == self.measure else self.retrieval(self.part, self.measure)

    @cached_property
    def collapse(self) -> Collapse:
        """How far the modalities spread."""
        return find_collapse(self.part)

    @cached_property
    def numerics(self) -> Numerics:
        """What is wrong with single items."""
        return find_numerics(self.whole, self.query, self.candidates)

    def retrieval(self, embedding_set: EmbeddingSet, measure: str) -> RetrievalReport:
        """Return the same retrieval of another set, or by another measure."""
        return evaluate(embedding_set, self.query, self.candidates, measure, device=self.device)

    @property
    def by(self) -> str:
        """How R@1 by the fair measure is called: with the measure where it is not the one that was asked for."""
        return "R@1" if self.fair == self.measure else f"R@1 by {self.fair}"

    def ids(self, rows: Iterable[int], *, of: EmbeddingSet | None = None) -> tuple[str, ...]:
        """Return the ids of the first rows of a set, the part if None."""
        listed = [int(row) for row in rows][:LISTED]
        return tuple((of or self.part).items["id"].iloc[listed].astype(str))


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.1f} %"


def listing(names: Sequence[str]) -> str:
    """Return names as people list them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def change(before: RetrievalReport, after: RetrievalReport) -> tuple[float, bool]:
    """Return by how much R@1 rises, and whether that is worth a word."""
    fall, reach = paired_difference(before, after)
    return -fall, -fall - reach > 0 and -fall >= MIN_RECALL_CHANGE
