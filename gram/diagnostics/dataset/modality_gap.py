"""The modality gap: each modality in its own region of the space, and the effect of centring.

Source: W. Liang, Y. Zhang, Y. Kwon, S. Yeung, J. Zou, Mind the Gap, NeurIPS 2022, arXiv 2203.02053.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, Finding, register
from gram.diagnostics.dataset.collapse import collapse_of
from gram.diagnostics.dataset.context import DiagnosisContext, is_gain, paired_difference, percent
from gram.diagnostics.dataset.hubs import fair_measure, recall_title
from gram.diagnostics.dataset.imbalance import imbalance_of
from gram.errors import EmbeddingSetError
from gram.retrieval.evaluate import RetrievalReport, evaluate
from gram.retrieval.task import RetrievalTask

PROBED = 500  # items: each gives a vector a modality, enough for a hyperplane in a few hundred dimensions
_FOLDS = 5
_LEAST_REST = 1e-6  # of a unit row: the residue of float32 rows that are equal up to rounding


@dataclass(frozen=True, kw_only=True)
class ModalityGap:
    """Distances between the modalities of a task, and what they cost.

    Attributes:
        distances: by pair of modalities, the distance of their centroids, from 0 to 2.
        probe: accuracy of a linear probe for the modality, on unseen items; NaN for fewer than 5 items.
        chance: what always naming the commonest modality gives.
        before: the retrieval as it is.
        after: the retrieval with each modality centred; None where a modality lies on one point.
        change: R@1 after minus before.
        change_interval: its 95 % interval, from the items' differences.
    """

    distances: dict[tuple[str, str], float]
    probe: float
    chance: float
    before: RetrievalReport = field(repr=False)
    after: RetrievalReport | None = field(repr=False)
    change: float
    change_interval: tuple[float, float]


def find_modality_gap(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    device: str | torch.device = "auto",
    seed: int = 0,
    before: RetrievalReport | None = None,
) -> ModalityGap:
    """Return the distances of the centroids, the accuracy of a linear probe for the modality, and R@1 once centred.

    The gap of two modalities is |mean_i x_i - mean_i y_i| over unit vectors. The probe is a ridge classifier on the
    vectors of at most 500 items, cross-validated so that all vectors of an item are in the same fold.

    Args and errors: as `gram.evaluate`, and
        seed: of the choice of items for the probe.
        before: the retrieval as it is, if it is known already.
    """
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    if before is None:
        before = evaluate(embedding_set, task.query, task.candidates, task.measure, device=task.device)
    unit = embedding_set.normalized()
    centroids = {name: unit.modalities[name].double().nanmean(dim=0) for name in task.names}
    probe, chance = _probe(unit, task.names, seed)
    try:
        after = evaluate(centred(embedding_set), task.query, task.candidates, task.measure, device=task.device)
        change, reach = (-part for part in paired_difference(before, after))
    except EmbeddingSetError:
        after, change, reach = None, float("nan"), float("nan")
    return ModalityGap(
        distances={
            (first, second): float(torch.linalg.vector_norm(centroids[first] - centroids[second]))
            for first, second in combinations(task.names, 2)
        },
        probe=probe, chance=chance, before=before, after=after,
        change=change, change_interval=(change - abs(reach), change + abs(reach)),
    )  # fmt: skip


def _probe(unit: EmbeddingSet, names: Sequence[str], seed: int) -> tuple[float, float]:
    """Return the probe's accuracy on unseen items, and that of always naming the commonest modality."""
    rng = np.random.default_rng(seed)
    items = np.sort(rng.permutation(len(unit))[:PROBED])
    rows = np.concatenate([unit.modalities[name][items].numpy() for name in names])
    of_item, modality = np.tile(items, len(names)), np.repeat(np.arange(len(names)), len(items))
    present = ~np.isnan(rows).any(axis=1)
    rows, of_item, modality = rows[present], of_item[present], modality[present]
    chance = float(np.bincount(modality).max() / len(modality)) if len(modality) else float("nan")
    if len(np.unique(of_item)) < _FOLDS or len(np.unique(modality)) < 2:
        return float("nan"), chance
    named = cross_val_predict(RidgeClassifier(), rows, modality, groups=of_item, cv=GroupKFold(_FOLDS))
    return float((named == modality).mean()), chance


def centred(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with each modality's mean taken from its unit rows, and the rows normalised again.

        x_i -> (x_i - mean x) / |x_i - mean x|,    x_i unit rows

    The gap between centroids is then 0, and cosines compare what sets items apart. Rows are float32; NaN rows
    stay, and a row at the mean itself, which has no direction left, becomes one. `info["centred"]` is True.

    Raises:
        EmbeddingSetError: all vectors of a modality lie on one point, so that centring leaves nothing.
    """
    modalities = {}
    for name, rows in embedding_set.normalized().modalities.items():
        wide = rows.double()
        rest = wide - wide.nanmean(dim=0)
        length = torch.linalg.vector_norm(rest, dim=1, keepdim=True)
        if not (length > _LEAST_REST).any():
            raise EmbeddingSetError(f"modality '{name}' has all its vectors on one point; centring leaves nothing")
        modalities[name] = (rest / length).masked_fill(length <= _LEAST_REST, torch.nan).float()
    return EmbeddingSet(modalities, embedding_set.items, {**embedding_set.info, "centred": True})


@register("modality-gap", order=90, stage="modality gap")
def check_modality_gap(context: DiagnosisContext) -> Checked:
    """Check whether centring the modalities improves retrieval."""
    gap = find_modality_gap(
        context.part, context.query, context.candidates, context.once(fair_measure), device=context.device,
        seed=context.seed, before=context.once(imbalance_of).all.report,
    )  # fmt: skip
    widest = max(gap.distances, key=lambda pair: gap.distances[pair])
    recall, distance, before = context.once(recall_title), gap.distances[widest], percent(gap.before.recall[1])
    looked_at = f"centroids at most {distance:.2f} apart; a linear probe names {percent(gap.probe)} of vectors"
    if gap.after is None:
        return looked_at, []
    after = percent(gap.after.recall[1])
    looked_at += f"; {recall} {before}, centred {after}"
    # A modality on one point gains by centring too; what it has is named collapse.
    if not is_gain(gap.before, gap.after) or context.once(collapse_of).on_a_point:
        return looked_at, []
    finding = Finding(
        cause="modality-gap", severity=min(1.0, gap.change), title="The modality gap costs retrieval",
        text=f"The centroids of {widest[0]} and {widest[1]} are {distance:.2f} apart, and with each modality centred "
        f"{recall} is {after} in place of {before}.",
        modalities=widest, remedy="Centre each modality (`centred`) before ranking.",
        numbers={
            "distances": {f"{first} and {second}": value for (first, second), value in gap.distances.items()},
            "probe": gap.probe, "chance": gap.chance, "recall": gap.before.recall[1],
            "recall_centred": gap.after.recall[1], "change_interval": list(gap.change_interval),
        },
    )  # fmt: skip
    return looked_at, [finding]
