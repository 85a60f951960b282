"""Does a further modality help, in training, in the test, or both?"""

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd

from gram.experiments.outcomes import Outcome
from gram.experiments.ranked import recall_at_1
from gram.experiments.runs import Budget, RunConfig, base_runs
from gram.experiments.sentences import leader, listed, moved, points
from gram.experiments.tables import Observation, difference, single_row, tabulate
from gram.experiments.work import Outcomes
from gram.losses import MEASURES

NAME = "modalities"
TITLE = "More modalities"
TRAINED = (("text", "image"), ("text", "image", "speech"), ("text", "image", "speech", "tones"))
_MEASURES = ("volume", "height", "cosine")
GAIN, TEST_GAIN = "R@1 gain", "R@1 gain in the test alone"


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, trained on two, three and four modalities, as many seeds as further runs get."""
    return [run for modalities in TRAINED for run in base_runs(budget, seeds=budget.few_seeds, modalities=modalities)]


def observe(found: Mapping[RunConfig, Outcome]) -> Iterator[Observation]:
    """Yield R@1 for every subset of candidates, and what each further modality changes, item by item."""
    own: dict[tuple[str, int, str, str], Observation] = {}
    for run, outcome in found.items():
        embedded = outcome.embedding_set()
        for size in range(1, len(run.candidates) + 1):
            for tested in combinations(run.candidates, size):
                for measure in _MEASURES:
                    keys = {
                        "loss": run.loss, "trained": "+".join(run.candidates), "tested": "+".join(tested),
                        "measure": measure, "against": "",
                    }  # fmt: skip
                    each = recall_at_1(embedded, tested, measure, keys=keys, seed=run.seed)
                    yield each
                    if measure == MEASURES[run.loss]:
                        own[run.loss, run.seed, keys["trained"], keys["tested"]] = each
    names = ["+".join(modalities[1:]) for modalities in TRAINED]
    for (loss, seed, learned, asked), each in own.items():
        if learned not in names[1:] or asked not in names[1:]:
            continue
        fewer = names[names.index(asked) - 1]
        keys = {"loss": loss, "trained": learned, "tested": asked, "measure": MEASURES[loss], "against": fewer}
        if learned == asked:
            yield difference(keys, GAIN, seed, each, own[loss, seed, fewer, fewer])
        if learned == names[-1]:
            yield difference(keys, TEST_GAIN, seed, each, own[loss, seed, learned, fewer])


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, trained, tested, measure, against, and those of `gram.experiments.tables`.

    "trained" and "tested" name the candidates' modalities, "image+speech". Metrics: "R@1"; "R@1 gain", of a model
    trained and tested on one modality more, minus the one without ("against"); "R@1 gain in the test alone", of the
    model trained on all, tested on one more. Both are paired by item and seed, and by the loss's own measure. Intervals
    of one seed are over items, those of all seeds over seeds where there are three.
    """
    return tabulate(observe(found))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what speech and tones add to text against image, under each loss."""
    parts = []
    for loss in ("gram", "cosine"):
        for tested, added in (("image+speech", "speech"), ("image+speech+tones", "tones")):
            row = single_row(frame, loss=loss, metric=GAIN, trained=tested, tested=tested)
            parts.append((loss, added, row))
    said = [f"{added} changes R@1 by {points(row)} under {loss}" for loss, added, row in parts]
    gains = [f"{added} under {loss}" for loss, added, row in parts if row["low"] > 0]
    harms = [f"{added} under {loss}" for loss, added, row in parts if row["high"] < 0]
    return (
        f"Added in training and in the test, {listed(said)}: a gain is seen for {listed(gains)}, a loss for "
        f"{listed(harms)}."
    )


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for added, tested in (("Speech", "image+speech"), ("tones", "image+speech+tones")):
        gram, cosine = (
            single_row(frame, loss=loss, metric=GAIN, trained=tested, tested=tested) for loss in ("gram", "cosine")
        )
        said.append(
            f"{added} {moved(gram)} points of R@1 under GRAM and {moved(cosine)} under cosine ({leader(gram, cosine)})"
        )
    return f"{'; '.join(said)}."
