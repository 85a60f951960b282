"""Does a further modality help, in training, in the test, or both?"""

from collections.abc import Iterable, Iterator
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go

from gram.experiments import chart
from gram.experiments.claim import GRAM_PAPER, HYVOL, Claim, published
from gram.experiments.config import COMPARED, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import leader, listed, moved, points
from gram.experiments.table import Observation, both_losses, difference, over_seeds, recall_at_1, single_row, tabulated
from gram.losses import MEASURES

NAME, TITLE, ORDER = "modalities", "More modalities", 20
CLAIM = Claim(
    "Each further modality, aligned jointly by the volume, makes retrieval better.",
    f"{GRAM_PAPER}; scored again by {HYVOL}, where no gain is seen",
    published(),
)
TRAINED = (("text", "image"), ("text", "image", "speech"), ("text", "image", "speech", "tones"))
GAIN, TEST_GAIN = "R@1 gain", "R@1 gain in the test alone"
_MEASURES = ("volume", "height", "cosine")


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, trained on two, three and four modalities, as many seeds as further runs get."""
    return [run for modalities in TRAINED for run in base_runs(budget, seeds=budget.few_seeds, modalities=modalities)]


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, trained, tested, measure, against, and those of `gram.experiments.table`.

    "trained" and "tested" name the candidates' modalities, "image+speech". Metrics: "R@1"; "R@1 gain", of a model
    trained and tested on one modality more, minus the one without ("against"); "R@1 gain in the test alone", of the
    model trained on all, tested on one more. Both are paired by item and seed, and by the loss's own measure.
    """
    own: dict[tuple[str, int, str, str], Observation] = {}
    for outcome in outcomes:
        run, embedded = outcome.run, outcome.embedding_set()
        for size in range(1, len(run.candidates) + 1):
            for tested in combinations(run.candidates, size):
                for measure in _MEASURES:
                    keys = {
                        "loss": run.loss, "trained": "+".join(run.candidates), "tested": "+".join(tested),
                        "measure": measure, "against": "",
                    }  # fmt: skip
                    each = recall_at_1(embedded, tested, measure, keys=keys, seed=run.seed)
                    yield each
                    if measure == run.measure:
                        own[run.loss, run.seed, keys["trained"], keys["tested"]] = each
    yield from _gains(own)


def _gains(own: dict[tuple[str, int, str, str], Observation]) -> Iterator[Observation]:
    """Yield what one modality more changes, from R@1 by (loss, seed, trained, tested)."""
    names = ["+".join(modalities[1:]) for modalities in TRAINED]
    for (loss, seed, trained, tested), each in own.items():
        if trained not in names[1:] or tested not in names[1:]:
            continue
        fewer = names[names.index(tested) - 1]
        keys = {"loss": loss, "trained": trained, "tested": tested, "measure": MEASURES[loss], "against": fewer}
        if trained == tested:
            yield difference(keys, GAIN, seed, each, own[loss, seed, fewer, fewer])
        if trained == names[-1]:
            yield difference(keys, TEST_GAIN, seed, each, own[loss, seed, trained, fewer])


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what speech and tones add to text against image, under each loss."""
    parts = [
        (loss, added, single_row(frame, loss=loss, metric=GAIN, trained=tested, tested=tested))
        for loss in COMPARED
        for tested, added in (("image+speech", "speech"), ("image+speech+tones", "tones"))
    ]
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
        gram, cosine = both_losses(frame, metric=GAIN, trained=tested, tested=tested)
        said.append(
            f"{added} {moved(gram)} points of R@1 under GRAM and {moved(cosine)} under cosine ({leader(gram, cosine)})"
        )
    return f"{'; '.join(said)}."


def figure(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 against the number of candidate modalities, by each loss's own measure.

    Full lines: trained and tested on these. Thin lines: trained on all, and only tested on these.
    """
    rows = over_seeds(frame, metric="R@1")
    full = max(rows["trained"], key=len)
    names = full.split("+")
    steps = ["+".join(names[: count + 1]) for count in range(len(names))]
    drawn = go.Figure()
    for side, loss in enumerate(COMPARED):
        own = rows[(rows["loss"] == loss) & (rows["measure"] == MEASURES[loss]) & rows["tested"].isin(steps)]
        both, only = own[own["trained"] == own["tested"]], own[own["trained"] == full]
        name = f"{loss}: trained and tested on these"
        chart.points(drawn, both, steps, "tested", side=side, name=name, line=2.5, dark=dark)
        chart.points(drawn, only, steps, "tested", side=side, name=f"{loss}: tested on these", line=1, dark=dark)
    words = [steps[0], *(f"+ {name}" for name in names[1:])]
    drawn.update_xaxes(tickvals=list(range(len(steps))), ticktext=words, range=[-0.4, len(steps) - 0.6])
    return chart.lay_out_recall(drawn, height=400, dark=dark)
