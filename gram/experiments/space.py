"""Is the space better ordered after one loss? Digits by silhouette and linear probe, and how far UMAP keeps it."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import silhouette_samples
from sklearn.model_selection import GroupKFold, cross_val_predict

from gram.data.embedding_set import EmbeddingSet
from gram.datasets.spoken_numbers import DIGITS
from gram.experiments.outcomes import Outcome
from gram.experiments.runs import Budget, RunConfig, base_runs
from gram.experiments.sentences import leader, listed, number, rate, share, verdict
from gram.experiments.tables import Observation, single_row, tabulate
from gram.experiments.work import Outcomes
from gram.projection import Settings
from gram.projection.fit import compute_layout

NAME = "space"
TITLE = "The space"
TOGETHER = "all"
SILHOUETTE, PROBE, TRUST = "silhouette", "probe accuracy", "trustworthiness"
_FOLDS = 5


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, as many seeds as further runs get; all shared with other experiments."""
    return base_runs(budget, seeds=budget.few_seeds)


def observe(found: Mapping[RunConfig, Outcome]) -> Iterator[Observation]:
    """Yield silhouette and probe of each modality and of all together, and the trustworthiness of their UMAP."""
    for run, outcome in found.items():
        embedded = outcome.embedding_set()
        labels = digits_of(embedded)
        for name in (*embedded.names, TOGETHER):
            keys = {"loss": run.loss, "modality": name}
            chosen = embedded.names if name == TOGETHER else [name]
            rows = np.concatenate([embedded.modalities[each].double().numpy() for each in chosen])
            tiled = np.tile(labels, (len(chosen), 1))
            yield Observation(keys, SILHOUETTE, run.seed, items=silhouettes(rows, tiled, len(embedded)))
            yield Observation(keys, PROBE, run.seed, items=probed(rows, tiled, len(embedded)))
        layout = compute_layout(embedded, Settings(seed=run.seed))
        yield Observation({"loss": run.loss, "modality": TOGETHER}, TRUST, run.seed, given=layout.trustworthiness)


def digits_of(embedded: EmbeddingSet) -> np.ndarray:
    """Return (n, 4) the digits of each item's number."""
    return np.array([[int(digit) for digit in label] for label in embedded.items["label"]])


def silhouettes(rows: Float[np.ndarray, "m d"], labels: np.ndarray, items: int) -> Float[np.ndarray, " n"]:
    """Return each item's silhouette by cosine distance, the mean over the four places of a digit and its vectors.

    A vector's silhouette is (b - a) / max(a, b), with a its mean distance to vectors with the same digit in that place
    and b that to the nearest other digit's: from -1 to 1, 0 where digits do not matter (Rousseeuw 1987).

    Args:
        rows: unit vectors, one modality after another.
        labels: (m, 4) their digits.
        items: n, of which every modality has one vector each.
    """
    each = np.mean([silhouette_samples(rows, labels[:, place], metric="cosine") for place in range(DIGITS)], axis=0)
    return np.asarray(each.reshape(-1, items).mean(axis=0))


def probed(rows: Float[np.ndarray, "m d"], labels: np.ndarray, items: int) -> Float[np.ndarray, " n"]:
    """Return the share of each item's digits that a linear probe names, trained on other items; chance is about 0.1.

    A ridge classifier a place of a digit, cross-validated in five parts so that all vectors of an item are in one.
    """
    groups = np.tile(np.arange(items), len(rows) // items)
    folds = GroupKFold(_FOLDS)
    right = [
        cross_val_predict(RidgeClassifier(), rows, labels[:, place], groups=groups, cv=folds) == labels[:, place]
        for place in range(DIGITS)
    ]
    return np.asarray(np.mean(right, axis=0).reshape(-1, items).mean(axis=0))


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, modality, and those of `gram.experiments.tables`.

    Metrics: "silhouette" (-1 to 1) and "probe accuracy" (0 to 1, chance about 0.1) of the digits, for each modality and
    for all together, and the "trustworthiness" of the UMAP of all. Intervals of one seed are over items, those of all
    seeds over seeds where there are three.
    """
    return tabulate(observe(found))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: silhouette, probe and trustworthiness of all modalities together under each loss."""
    said = []
    for metric, told in ((SILHOUETTE, number), (PROBE, share), (TRUST, number)):
        gram, cosine = (single_row(frame, loss=loss, metric=metric, modality=TOGETHER) for loss in ("gram", "cosine"))
        said.append(
            f"{metric} is {told(gram)} after gram and {told(cosine)} after cosine "
            f"({verdict('gram', gram, 'cosine', cosine)})"
        )
    return f"Of the digits in the space of all modalities, {listed(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for metric, told in ((PROBE, rate), (SILHOUETTE, _bare), (TRUST, _bare)):
        gram, cosine = (single_row(frame, loss=loss, metric=metric, modality=TOGETHER) for loss in ("gram", "cosine"))
        said.append(f"{metric} {told(gram)} with GRAM, {told(cosine)} with cosine ({leader(gram, cosine)})")
    return f"Digits in the space of all modalities: {'; '.join(said)}."


def _bare(row: pd.Series) -> str:
    return f"{row['value']:.2f}"
