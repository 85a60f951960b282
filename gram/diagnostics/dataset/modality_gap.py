"""The modality gap: modalities that keep to regions of their own, and what centring them would change.

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
from gram.diagnostics.dataset.imbalance import paired_difference
from gram.diagnostics.dataset.task import task_of
from gram.errors import EmbeddingSetError
from gram.retrieval.evaluate import RetrievalReport, evaluate

PROBED = 500  # items: each gives a vector a modality, enough for a hyperplane in a few hundred dimensions
_FOLDS = 5
_LEAST_REST = 1e-6  # of a unit row: what is left of float32 rows that are equal but for rounding


@dataclass(frozen=True, kw_only=True)
class ModalityGap:
    """How far the modalities of a task lie apart, and what that costs.

    Attributes:
        distances: by pair of modalities, the distance of their centroids, from 0 to 2.
        probe: share of vectors of unseen items whose modality a linear probe names; NaN for fewer than 5 items.
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
    """Return the distances of the centroids, how well a linear probe tells modalities apart, and R@1 once centred.

    The gap of two modalities is |mean_i x_i - mean_i y_i| over unit vectors. The probe is a ridge classifier on the
    vectors of at most 500 items, cross-validated so that all vectors of an item are in the same fold.

    Args:
        embedding_set: n items in k modalities; rows are normalised here, but for the retrieval before.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.
        measure: one of `gram.measures.names()`.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
        seed: of the choice of items for the probe.
        before: the retrieval as it is, if it is known already.

    Raises:
        ValueError: as `gram.evaluate`.
        EmbeddingSetError: no item has the query and a candidate.
    """
    task = task_of(embedding_set, query, candidates, measure)
    if before is None:
        before = evaluate(embedding_set, task.query, task.candidates, task.measure, device=device)
    unit = embedding_set.normalized()
    centroids = {name: unit.modalities[name].double().nanmean(dim=0) for name in task.names}
    probe, chance = _probe(unit, task.names, seed)
    try:
        after = evaluate(centred(embedding_set), task.query, task.candidates, task.measure, device=device)
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
    there = ~np.isnan(rows).any(axis=1)
    rows, of_item, modality = rows[there], of_item[there], modality[there]
    chance = float(np.bincount(modality).max() / len(modality)) if len(modality) else float("nan")
    if len(np.unique(of_item)) < _FOLDS or len(np.unique(modality)) < 2:
        return float("nan"), chance
    named = cross_val_predict(RidgeClassifier(), rows, modality, groups=of_item, cv=GroupKFold(_FOLDS))
    return float((named == modality).mean()), chance


def centred(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with each modality's mean taken from its unit rows, and the rows normalised again.

        x_i -> (x_i - mean x) / |x_i - mean x|,    x_i unit rows

    The gap between centroids is then 0, and cosines compare what is special about an item. Rows are float32; NaN rows
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
