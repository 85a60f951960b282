"""Is the space better ordered after one loss? Digits by silhouette and linear probe, and how far UMAP keeps it."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import silhouette_samples
from sklearn.model_selection import GroupKFold, cross_val_predict

from gram.datasets.spoken_numbers import DIGITS
from gram.experiments import chart
from gram.experiments.claim import GRAM_PAPER, Claim
from gram.experiments.config import Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import leader, listed, number, rate, share, verdict
from gram.experiments.table import Observation, both_losses, over_seeds, tabulated
from gram.projection import Settings
from gram.projection.fit import compute_layout

NAME, TITLE, ORDER = "space", "The space", 80
CLAIM = Claim("The volume leads to a shared space that is better ordered by meaning.", GRAM_PAPER)
TOGETHER = "all"
SILHOUETTE, PROBE, TRUST = "silhouette", "probe accuracy", "trustworthiness"
_FOLDS = 5
_PANELS = {
    SILHOUETTE: "silhouette (−1 to 1)", PROBE: "probe accuracy (%)", TRUST: "trustworthiness of UMAP (0 to 1)",
}  # fmt: skip


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, as many seeds as further runs get; all shared with other experiments."""
    return base_runs(budget, seeds=budget.few_seeds)


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, modality, and those of `gram.experiments.table`.

    Metrics: "silhouette" (-1 to 1) and "probe accuracy" (0 to 1, chance about 0.1) of the digits, for each modality and
    for all together, and the "trustworthiness" of the UMAP of all.
    """
    for outcome in outcomes:
        run, embedded = outcome.run, outcome.embedding_set()
        labels = np.array([[int(digit) for digit in label] for label in embedded.items["label"]])  # (n, 4)
        for name in (*embedded.names, TOGETHER):
            keys = {"loss": run.loss, "modality": name}
            chosen = embedded.names if name == TOGETHER else [name]
            rows = np.concatenate([embedded.modalities[each].double().numpy() for each in chosen])
            tiled = np.tile(labels, (len(chosen), 1))
            yield Observation(keys, SILHOUETTE, run.seed, items=silhouettes(rows, tiled, len(embedded)))
            yield Observation(keys, PROBE, run.seed, items=probed(rows, tiled, len(embedded)))
        layout = compute_layout(embedded, Settings(seed=run.seed))
        yield Observation({"loss": run.loss, "modality": TOGETHER}, TRUST, run.seed, given=layout.trustworthiness)


def silhouettes(rows: Float[np.ndarray, "m d"], labels: np.ndarray, items: int) -> Float[np.ndarray, " n"]:
    """Return each item's silhouette by cosine distance, the mean over the four places of a digit and its vectors.

    Rows are unit vectors, one modality of the n items after another, and labels (m, 4) their digits.

    A vector's silhouette is (b - a) / max(a, b), with a its mean distance to vectors with the same digit in that place
    and b that to the nearest other digit's: from -1 to 1, 0 where digits do not matter (Rousseeuw 1987).
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


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: silhouette, probe and trustworthiness of all modalities together under each loss."""
    said = []
    for metric, told in ((SILHOUETTE, number), (PROBE, share), (TRUST, number)):
        gram, cosine = both_losses(frame, metric=metric, modality=TOGETHER)
        said.append(
            f"{metric} is {told(gram)} after gram and {told(cosine)} after cosine "
            f"({verdict('gram', gram, 'cosine', cosine)})"
        )
    return f"Of the digits in the space of all modalities, {listed(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for metric in (PROBE, SILHOUETTE, TRUST):
        gram, cosine = both_losses(frame, metric=metric, modality=TOGETHER)
        told = [rate(row) if metric == PROBE else f"{row['value']:.2f}" for row in (gram, cosine)]
        said.append(f"{metric} {told[0]} with GRAM, {told[1]} with cosine ({leader(gram, cosine)})")
    return f"Digits in the space of all modalities: {'; '.join(said)}."


def figure(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return silhouette and probe accuracy of the digits by modality, and UMAP's trustworthiness: a panel each."""
    drawn = make_subplots(rows=3, cols=1, vertical_spacing=0.12, row_heights=[0.42, 0.42, 0.16])
    for row, (metric, title) in enumerate(_PANELS.items(), start=1):
        rows = over_seeds(frame, metric=metric)
        names = list(dict.fromkeys(rows["modality"]))
        chart.both_losses(drawn, rows, names, "modality", dark=dark, row=row, percent=metric == PROBE)
        drawn.update_xaxes(title=title, zeroline=False, row=row, col=1)
        drawn.update_yaxes(**chart.named_axis(names), row=row, col=1)
    lowest = float(over_seeds(frame, metric=TRUST)["value"].min())
    drawn.update_xaxes(range=[min(0.9, lowest - 0.02), 1.001], row=3, col=1)  # so that a hair is seen as one
    chart.lay_out(drawn, height=700, dark=dark)
    return drawn
