"""Imbalance: what each candidate modality contributes to retrieval, and which contribute nothing or do harm."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from scipy.stats import binom

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, Finding, register
from gram.diagnostics.dataset.context import MIN_RECALL_CHANGE, DiagnosisContext, join_names, paired_difference, percent
from gram.diagnostics.dataset.hubs import fair_measure, recall_title
from gram.diagnostics.dataset.sign_flips import PairCosines, find_sign_flips
from gram.retrieval.evaluate import RetrievalReport, evaluate
from gram.retrieval.task import RetrievalTask

ALL_SUBSETS_UP_TO = 5  # candidates: 31 subsets; beyond, singles, all but one, and all
# One modality carries all if R@1 falls to a quarter without it while each other one is not missed.
CARRIED, NOT_MISSED = 0.25, 0.02
_RARE = 0.001


@dataclass(frozen=True, kw_only=True)
class SubsetRecall:
    """R@1 with some of the candidate modalities.

    Attributes:
        candidates: their names.
        recall: R@1.
        interval: its 95 % bootstrap interval.
        items: how many items were ranked: those that have any of them.
        report: of this retrieval.
    """

    candidates: tuple[str, ...]
    recall: float
    interval: tuple[float, float]
    items: int
    report: RetrievalReport = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What a modality contributes: R@1 of all candidates minus R@1 without it.

    Attributes:
        name: the modality.
        share: the difference; below 0 where retrieval is better without it.
        interval: its 95 % interval, from the items' differences.
    """

    name: str
    share: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Imbalance:
    """What the candidate modalities contribute, alone, together and when left out.

    Attributes:
        query: the query modality.
        candidates: the candidate modalities.
        measure: name of the measure.
        chance: R@1 of a ranking at random.
        subsets: R@1 of subsets of the candidates, smaller ones first.
        shares: what each candidate contributes; empty with one candidate, and where the measure needs all.
        pairs: cosines of every two of the modalities that take part.
        noise: the modalities, possibly the query's, that are unrelated to every other.
    """

    query: str
    candidates: tuple[str, ...]
    measure: str
    chance: float
    subsets: tuple[SubsetRecall, ...]
    shares: tuple[Contribution, ...]
    pairs: tuple[PairCosines, ...] = field(repr=False)
    noise: tuple[str, ...] = ()

    @property
    def all(self) -> SubsetRecall:
        """R@1 with all candidates."""
        return self.subsets[-1]

    def of(self, *candidates: str) -> SubsetRecall | None:
        """Return R@1 with these candidates; None where it was not measured."""
        return next((subset for subset in self.subsets if set(subset.candidates) == set(candidates)), None)


def find_imbalance(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    every: bool = True,
    before: RetrievalReport | None = None,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> Imbalance:
    """Return R@1 of every subset of the candidates, what each contributes, and which modalities are noise.

    A modality is noise if no pair with it has matched cosines that differ from mismatched ones, if alone it finds no
    more than chance, and if leaving it out costs nothing. A flipped modality is not noise, nor is one that helps only
    together with others, or one that no ranked item has.

    Subsets that the measure is not defined for, or of which no ranked item has any, are left out.

    Args and errors: as `gram.evaluate`, and
        every: every subset of up to 5 candidates; of more, or if False, each alone, all but each, and all.
        before: the retrieval with all candidates, if it is known already.
        progress: called with the share done and what comes next.
    """
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    asked = _subsets(task, every=every)
    subsets = []
    for done, names in enumerate(asked):
        progress(done / len(asked), f"R@1 of {' + '.join(names)}")
        report = before if before is not None and names == task.candidates else None
        report = report or evaluate(embedding_set, task.query, names, task.measure, device=task.device)
        recall, interval = report.recall[1], report.interval("R@1")
        subsets.append(SubsetRecall(candidates=names, recall=recall, interval=interval, items=report.n, report=report))
    shares = _shares(task, subsets)
    found = find_sign_flips(embedding_set.subset(task.rows)).pairs
    pairs = tuple(pair for pair in found if {pair.first, pair.second} <= set(task.names))
    chance = 1 / len(task)
    return Imbalance(
        query=task.query, candidates=task.candidates, measure=task.measure, chance=chance,
        subsets=tuple(subsets), shares=shares, pairs=pairs, noise=_noise(task, subsets, shares, pairs, chance),
    )  # fmt: skip


def _subsets(task: RetrievalTask, *, every: bool) -> list[tuple[str, ...]]:
    names, supports, present = task.candidates, measures.get(task.measure).supports, _present(task)
    sizes = {1, max(1, len(names) - 1), len(names)}
    if every and len(names) <= ALL_SUBSETS_UP_TO:
        sizes = set(range(1, len(names) + 1))
    allowed = (subset for size in sorted(sizes) if supports(1 + size) for subset in combinations(names, size))
    return [subset for subset in allowed if present & set(subset)]


def _present(task: RetrievalTask) -> set[str]:
    """Return the modalities that any of the ranked items has."""
    return {name for name in task.names if bool(task.embedding_set.present(name)[task.rows].any())}


def _shares(task: RetrievalTask, subsets: Sequence[SubsetRecall]) -> tuple[Contribution, ...]:
    reports, whole = {frozenset(subset.candidates): subset.report for subset in subsets}, subsets[-1].report
    shares = []
    for name in task.candidates:
        rest = reports.get(frozenset(task.candidates) - {name})
        if rest is not None:
            difference, half = paired_difference(whole, rest)
            shares.append(Contribution(name=name, share=difference, interval=(difference - half, difference + half)))
    return tuple(shares)


def _noise(
    task: RetrievalTask,
    subsets: Sequence[SubsetRecall],
    shares: Sequence[Contribution],
    pairs: Sequence[PairCosines],
    chance: float,
) -> tuple[str, ...]:
    related = {name for pair in pairs if pair.sign for name in (pair.first, pair.second)}
    helps = {share.name for share in shares if share.interval[0] > 0}
    finds = {subset.candidates[0] for subset in subsets if len(subset.candidates) == 1 and _beats(subset, chance)}
    noise = _present(task) - related - helps - finds
    if task.query in noise and any(_beats(subset, chance) for subset in subsets):
        noise -= {task.query}
    return tuple(name for name in task.names if name in noise)


def _beats(subset: SubsetRecall, chance: float) -> bool:
    """Return whether fewer than 1 in 1,000 random rankings get as many right."""
    right = round(subset.recall * subset.items)
    return bool(binom.sf(right - 1, subset.items, chance) < _RARE)


def imbalance_of(context: DiagnosisContext) -> Imbalance:
    """Return R@1 of each candidate, of all but each, and of all, by the fair measure."""
    fair = context.once(fair_measure)
    before = context.before if fair == context.measure else None
    return find_imbalance(
        context.part, context.query, context.candidates, fair, every=False, before=before, device=context.device
    )


@register("imbalance", order=20, stage="subsets of the candidates")
def check_imbalance(context: DiagnosisContext) -> Checked:
    """Check which modalities do harm, or carry everything."""
    balance, recall = context.once(imbalance_of), context.once(recall_title)
    whole, shares = balance.all.recall, {share.name: share.share for share in balance.shares}
    recalls = {subset.candidates[0]: subset.recall for subset in balance.subsets if len(subset.candidates) == 1}
    alone = ", ".join(f"{name} {percent(each)}" for name, each in recalls.items())
    looked_at = f"{recall} of each alone: {alone}" if alone else f"{recall} {percent(whole)}"
    if len(shares) > 1:
        looked_at += f"; without it: {', '.join(f'{name} {percent(whole - each)}' for name, each in shares.items())}"
    numbers = {"recall": whole, "alone": recalls, "share": shares}
    found = (_harm(balance, recall, numbers), _carrier(balance, recall, numbers))
    return looked_at, [finding for finding in found if finding is not None]


def _harm(balance: Imbalance, recall: str, numbers: dict[str, Any]) -> Finding | None:
    """Return the finding on the modality without which retrieval is reliably better, by enough."""
    harm = {
        share.name: -share.share
        for share in balance.shares
        if share.name not in balance.noise and share.interval[1] < 0 and -share.share >= MIN_RECALL_CHANGE
    }
    if not harm:
        return None
    worst, whole = max(harm, key=lambda name: harm[name]), balance.all.recall
    return Finding(
        cause="imbalance", severity=min(1.0, harm[worst]), title=f"Better without {worst}",
        text=f"{recall} is {percent(whole)} with all candidates and {percent(whole + harm[worst])} without {worst}.",
        modalities=(worst,), numbers=numbers, remedy=f"Leave {worst} out of the candidates, or give it less weight.",
    )  # fmt: skip


def _carrier(balance: Imbalance, recall: str, numbers: dict[str, Any]) -> Finding | None:
    """Return the finding on a modality that carries retrieval alone although there are others."""
    shares = {share.name: share.share for share in balance.shares if share.name not in balance.noise}
    if len(shares) < 2 or balance.all.recall < 2 * MIN_RECALL_CHANGE:
        return None
    carrier, whole = max(shares, key=lambda name: shares[name]), balance.all.recall
    left, rest = whole - shares[carrier], [name for name in balance.candidates if name != carrier]
    if left > CARRIED * whole or any(share >= NOT_MISSED for name, share in shares.items() if name != carrier):
        return None
    return Finding(
        cause="imbalance", severity=0.2, title=f"{carrier.capitalize()} carries retrieval alone",
        text=f"{recall} is {percent(whole)} with all candidates, {percent(left)} without {carrier}, and falls by less "
        f"than {percent(NOT_MISSED)} without any one of {join_names(rest)}.",
        modalities=tuple(rest), numbers=numbers,
        remedy=f"See what {join_names(rest)} would need to add: their encoders, or their weight in the loss.",
    )  # fmt: skip
