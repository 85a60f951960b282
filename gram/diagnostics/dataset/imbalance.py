"""Imbalance: what each candidate modality brings to retrieval, and which bring nothing or do harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.sign_flips import PairCosines, find_sign_flips
from gram.diagnostics.dataset.task import Task, task_of
from gram.retrieval.evaluate import RetrievalReport, evaluate

ALL_SUBSETS_UP_TO = 5  # candidates: 31 subsets; beyond, singles, all but one, and all
_NORMAL_95 = 1.959964
_RARE = 0.001

Progress = Callable[[float, str], None]


@dataclass(frozen=True, kw_only=True)
class SubsetRecall:
    """R@1 with some of the candidate modalities.

    Attributes:
        candidates: those.
        recall: R@1.
        interval: its 95 % bootstrap interval.
        items: how many items were ranked: those that have any of them.
        report: all about this retrieval.
    """

    candidates: tuple[str, ...]
    recall: float
    interval: tuple[float, float]
    items: int
    report: RetrievalReport = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What a modality brings: R@1 of all candidates minus R@1 without it.

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
    """What the candidate modalities bring, alone, together and when left out.

    Attributes:
        query: the modality that asks.
        candidates: those that answer.
        measure: what ranks.
        chance: R@1 of a ranking at random.
        subsets: R@1 of subsets of the candidates, smaller ones first.
        shares: what each candidate brings; empty with one candidate, and where the measure needs all.
        pairs: cosines of every two of the modalities that take part.
        noise: the modalities, the query's too, that have nothing to do with any other.
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
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Imbalance:
    """Return R@1 of every subset of the candidates, what each brings, and which modalities are noise.

    A modality is noise if no pair with it has matched cosines that differ from mismatched ones, if alone it finds no
    more than chance, and if leaving it out costs nothing: a modality that is turned into its opposite is not noise, and
    neither is one that only helps together with others, nor one that no ranked item has.

    Args:
        embedding_set: n items in k modalities.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None. Up to 5 give every subset, more only
            each alone, all but each, and all.
        measure: one of `gram.measures.names()`; subsets that it is not defined for are left out, and those that no
            ranked item has any of.
        every: False for each alone, all but each, and all, however few there are.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
        progress: called with the share done and what comes next.

    Raises:
        ValueError: as `gram.evaluate`.
        EmbeddingSetError: no item has the query and a candidate.
    """
    task = task_of(embedding_set, query, candidates, measure)
    asked = _subsets(task, every=every)
    subsets = []
    for done, names in enumerate(asked):
        if progress is not None:
            progress(done / len(asked), f"R@1 of {' + '.join(names)}")
        report = evaluate(embedding_set, task.query, names, task.measure, device=device)
        recall, interval = report.recall[1], report.interval("R@1")
        subsets.append(SubsetRecall(candidates=names, recall=recall, interval=interval, items=report.n, report=report))
    shares = _shares(task, subsets)
    found = find_sign_flips(embedding_set.subset(task.rows)).pairs
    pairs = tuple(pair for pair in found if {pair.first, pair.second} <= set(task.names))
    chance = 1 / len(task.rows)
    return Imbalance(
        query=task.query, candidates=task.candidates, measure=task.measure, chance=chance,
        subsets=tuple(subsets), shares=shares, pairs=pairs, noise=_noise(task, subsets, shares, pairs, chance),
    )  # fmt: skip


def _subsets(task: Task, *, every: bool) -> list[tuple[str, ...]]:
    names, fits = task.candidates, measures.get(task.measure).supports
    sizes = (
        range(1, len(names) + 1)
        if every and len(names) <= ALL_SUBSETS_UP_TO
        else sorted({1, max(1, len(names) - 1), len(names)})
    )
    there = _there(task)
    return [
        subset
        for size in sorted(sizes)
        if fits(1 + size)
        for subset in combinations(names, size)
        if there & set(subset)
    ]


def _there(task: Task) -> set[str]:
    """Return the modalities that any of the ranked items has."""
    return {name for name in task.names if bool(task.embedding_set.present(name)[task.rows].any())}


def _shares(task: Task, subsets: Sequence[SubsetRecall]) -> tuple[Contribution, ...]:
    whole = subsets[-1].report
    shares = []
    for name in task.candidates:
        rest = {other for other in task.candidates if other != name}
        found = next((subset for subset in subsets if set(subset.candidates) == rest), None)
        if found is not None:
            difference, reach = paired_difference(whole, found.report)
            shares.append(Contribution(name=name, share=difference, interval=(difference - reach, difference + reach)))
    return tuple(shares)


def paired_difference(first: RetrievalReport, second: RetrievalReport) -> tuple[float, float]:
    """Return R@1 of the first minus that of the second over the items both rank, and half its 95 % interval.

    The interval is that of a mean of paired differences; 0 wide for fewer than two items.
    """
    rows = np.intersect1d(first.rows.numpy(), second.rows.numpy())
    differences = _of_rows(first, rows) - _of_rows(second, rows)
    if not len(rows):
        return float("nan"), 0.0
    reach = _NORMAL_95 * float(differences.std()) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
    return float(differences.mean()), reach


def _of_rows(report: RetrievalReport, rows: np.ndarray) -> Tensor:
    return report.per_item("R@1")[torch.from_numpy(np.searchsorted(report.rows.numpy(), rows))]


def _noise(
    task: Task,
    subsets: Sequence[SubsetRecall],
    shares: Sequence[Contribution],
    pairs: Sequence[PairCosines],
    chance: float,
) -> tuple[str, ...]:
    related = {name for pair in pairs if pair.sign for name in (pair.first, pair.second)}
    helps = {share.name for share in shares if share.interval[0] > 0}
    finds = {subset.candidates[0] for subset in subsets if len(subset.candidates) == 1 and _beats(subset, chance)}
    noise = _there(task) - related - helps - finds
    if task.query in noise and any(_beats(subset, chance) for subset in subsets):
        noise -= {task.query}
    return tuple(name for name in task.names if name in noise)


def _beats(subset: SubsetRecall, chance: float) -> bool:
    """Return whether so many are right as fewer than 1 in 1,000 random rankings give."""
    right = round(subset.recall * subset.items)
    return bool(binom.sf(right - 1, subset.items, chance) < _RARE)
