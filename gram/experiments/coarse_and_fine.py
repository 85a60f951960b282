"""What if texts name only a part of an item? Whole numbers, first digits, odd or even, and mixtures of these."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.experiments import chart
from gram.experiments.claim import OWN_QUESTION, Claim
from gram.experiments.config import COMPARED, MIXED, TEXTS, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import leader, listed, rate, share, verdict
from gram.experiments.table import Observation, both_losses, over_seeds, recall_at_1, single_row, tabulated
from gram.geometry import volume
from gram.losses import MEASURES

NAME, TITLE, ORDER = "coarse-and-fine", "Coarse and fine texts", 60
CLAIM = Claim(
    "A joint geometry serves texts that name an item exactly and texts that name a part of it.",
    f"{OWN_QUESTION}: captions of real data fit more than one item",
)
HIT, AUC, CHANCE = "hit", "AUC", "chance"
BETWEEN, BASE = "R@1 image to tones", "mean base"
_IN_SENTENCES = {"whole": "the whole number", "first-digit": "its first digit", "parity": "odd or even"}
_ON_AXIS = {"whole": "whole number", "first-digit": "first digit", "parity": "odd or even", "mixed": "mixed"}
_MEASURES = ("volume", "height", "cosine")


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, trained with texts of each kind and with all mixed."""
    return [run for text in (*TEXTS, MIXED) for run in base_runs(budget, seeds=budget.few_seeds, text=text)]


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, trained, asked, measure, and those of `gram.experiments.table`.

    "trained" is the kind of the texts in training, "asked" in the test. Metrics: "hit", "AUC" and "chance" of a hit, as
    `satisfied` gives them; and, with no text asked, "R@1 image to tones" by the loss's measure and "mean base", the
    volume of the candidates' own vectors. Texts that fit several items of a batch are negatives of each other's items
    in training, under every loss alike. Intervals of one seed are over texts (items for the last two metrics).
    """
    for outcome in outcomes:
        run = outcome.run
        for asked in TEXTS if run.text == MIXED else (run.text,):
            embedded = outcome.embedding_set(text="text" if asked in (run.text, TEXTS[0]) else f"text:{asked}")
            for measure in _MEASURES:
                keys = {"loss": run.loss, "trained": run.text, "asked": asked, "measure": measure}
                for metric, items in satisfied(embedded, run.candidates, measure, asked).items():
                    yield Observation(keys, metric, run.seed, items=items)
        embedded = outcome.embedding_set()
        keys = {"loss": run.loss, "trained": run.text, "asked": "", "measure": run.measure}
        yield recall_at_1(embedded, ["tones"], run.measure, query="image", keys=keys, seed=run.seed, metric=BETWEEN)
        own = torch.stack([embedded.modalities[name].double() for name in run.candidates], dim=1)
        yield Observation(keys, BASE, run.seed, items=volume(own).numpy())


def satisfied(
    embedded: EmbeddingSet, candidates: Sequence[str], measure: str, kind: str
) -> dict[str, Float[np.ndarray, " texts"]]:
    """Return what each different text of a kind finds: its hit, its AUC, and its chance of a hit at random.

    A hit counts if the top item satisfies the text, whichever item it is; of tied top items, the share that does. AUC
    is how likely an item that satisfies the text is scored above one that does not, ties counting half; chance is 0.5.
    Each text is asked once, however many items it fits: whole numbers are n texts, first digits 10, parity 2.
    """
    said = np.array([_text(kind, label) for label in embedded.items["label"]])
    texts, firsts = np.unique(said, return_index=True)
    vectors = embedded.normalized().modalities
    anchors = vectors["text"][torch.from_numpy(firsts)].double()
    scores = measures.score(measure, anchors, *(vectors[name].double() for name in candidates)).numpy()
    fits: Bool[np.ndarray, "texts n"] = texts[:, None] == said[None, :]
    top = scores == scores.max(axis=1, keepdims=True)
    hits = (top & fits).sum(axis=1) / top.sum(axis=1)
    aucs = np.array([_auc(row, fit) for row, fit in zip(scores, fits)])
    return {HIT: hits, AUC: aucs, CHANCE: fits.mean(axis=1)}


def _text(kind: str, label: str) -> str:
    """Return what a text of a kind says of a number: itself, its first digit, or "even" or "odd"."""
    return ("even", "odd")[int(label) % 2] if kind == "parity" else label[: 1 if kind == "first-digit" else None]


def _auc(scores: Float[np.ndarray, " n"], fits: Bool[np.ndarray, " n"]) -> float:
    """Return P(one that fits is above one that does not) + P(tie) / 2, from ranks; NaN where all or none fit."""
    m, n = int(fits.sum()), len(fits)
    if m in (0, n):
        return float("nan")
    return float((rankdata(scores)[fits].sum() - m * (m + 1) / 2) / (m * (n - m)))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: the hits of a model trained on mixed texts, by kind of text, under each loss."""
    said = []
    for asked in TEXTS:
        gram, cosine = both_losses(frame, trained=MIXED, asked=asked, metric=HIT)
        chance = single_row(frame, loss="gram", trained=MIXED, asked=asked, measure="volume", metric=CHANCE)
        said.append(
            f"{asked} texts are satisfied by the top item for {share(gram)} under gram and {share(cosine)} under "
            f"cosine (chance {100 * chance['value']:.1f} %; {verdict('gram', gram, 'cosine', cosine)})"
        )
    return f"Trained on mixed texts, {listed(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for asked, words in _IN_SENTENCES.items():
        gram, cosine = both_losses(frame, trained=MIXED, asked=asked, metric=HIT)
        said.append(f"{words} {rate(gram)} with GRAM, {rate(cosine)} with cosine ({leader(gram, cosine)})")
    return f"The top item satisfies these texts, after training on all kinds: {'; '.join(said)}."


def figure(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return how often the top item satisfies the text: a row for each training and test text, chance in grey."""
    rows = _named(over_seeds(frame, metric=HIT))
    names = list(dict.fromkeys(rows["name"]))
    drawn = go.Figure()
    chart.both_losses(drawn, rows, names, "name", ranked_by=MEASURES, dark=dark)
    chance = _named(over_seeds(frame, metric=CHANCE, loss=COMPARED[0], measure=MEASURES[COMPARED[0]]))
    chart.ticks(drawn, chance, names, name=CHANCE, symbol="line-ns", size=22, width=2.5, dark=dark)
    return chart.lay_out_rows(drawn, names, "top item satisfies the text (%)", dark=dark)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the column "name": what a row was trained with and asked, in words."""
    pairs = zip(rows["trained"].map(_ON_AXIS), rows["asked"].map(_ON_AXIS))
    return rows.assign(name=[one if one == other else f"{one}: {other}" for one, other in pairs])
