"""How much do width, temperature and batch size matter, and to which loss more?"""

from collections.abc import Iterable, Iterator

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gram.experiments import chart
from gram.experiments.claim import OWN_QUESTION, Claim
from gram.experiments.config import COMPARED, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import listed, share
from gram.experiments.table import Observation, highest, lowest, over_seeds, recall_at_1, tabulated

NAME, TITLE, ORDER = "sensitivity", "Sensitivity", 40
CLAIM = Claim(
    "The volume asks no more care with the width of the space, the temperature and the batch than a cosine.",
    f"{OWN_QUESTION}: a gain that depends on one setting is no gain of the loss",
)
VARIED = {"d": "dimensions d", "temperature": "temperature", "batch": "items of a batch"}
LEARNED = "learned"


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, each setting alone away from the budget's own."""
    few = budget.few_seeds
    return [
        *base_runs(budget, seeds=few),
        *(run for width in budget.widths for run in base_runs(budget, seeds=few, d=width)),
        *(run for value in budget.temperatures for run in base_runs(budget, seeds=few, temperature=value)),
        *(run for size in budget.batches for run in base_runs(budget, seeds=few, batch=size)),
    ]


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, varied, setting, place, and those of `gram.experiments.table`.

    "varied" is d, temperature or batch, "setting" its value in words, "place" the same as a number (NaN for a learned
    temperature). Metrics: "R@1" by the loss's own measure, and the "temperature" at the end. Runs of another batch see
    as many items, so they take fewer or more steps.
    """
    for outcome in outcomes:
        run, embedded = outcome.run, outcome.embedding_set()
        for varied, setting, place in _settings_of(outcome):
            keys = {"loss": run.loss, "varied": varied, "setting": setting, "place": place}
            yield recall_at_1(embedded, run.candidates, run.measure, keys=keys, seed=run.seed)
            yield Observation(keys, "temperature", run.seed, given=outcome.temperature)


def _settings_of(outcome: Outcome) -> list[tuple[str, str, float | None]]:
    """Return what a run is a point of: (varied, setting in words, its number); the budget's own run is one of each."""
    run, d, batch = outcome.run, outcome.settings["d"], outcome.settings["batch"]
    points = {
        "d": (run.d, str(d), float(d)),
        "temperature": (
            run.temperature, LEARNED if run.temperature is None else f"{run.temperature:g}", run.temperature,
        ),
        "batch": (run.batch, str(batch), float(batch)),
    }  # fmt: skip
    away = [name for name, (value, *_) in points.items() if value is not None]
    return [(name, points[name][1], points[name][2]) for name in (away or VARIED)]


def extremes(frame: pd.DataFrame, loss: str, varied: str) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the setting with the lowest and with the highest R@1 over all seeds."""
    rows = over_seeds(frame, loss=loss, varied=varied, metric="R@1")
    return lowest(rows), highest(rows)


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: how far R@1 goes with each setting under each loss, and which loss is moved more."""
    said = []
    for varied in VARIED:
        ranges, words = {}, []
        for loss in COMPARED:
            worst, best = extremes(frame, loss, varied)
            ranges[loss] = best["value"] - worst["value"]
            words.append(f"{loss} goes from {share(worst)} at {worst['setting']} to {share(best)} at {best['setting']}")
        more = "neither" if len(set(ranges.values())) == 1 else max(ranges, key=lambda loss: ranges[loss])
        said.append(f"with {varied}, {listed(words)} ({more} is moved more)")
    return f"R@1 by each loss's own measure: {'; '.join(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for varied in VARIED:
        gram, cosine = (extremes(frame, loss, varied) for loss in COMPARED)
        moved = [100 * (best["value"] - worst["value"]) for worst, best in (gram, cosine)]
        said.append(f"{varied} {moved[0]:.0f} under GRAM and {moved[1]:.0f} under cosine")
    return f"Points of R@1 between the worst setting and the best: {'; '.join(said)}."


def figure(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 by each loss's own measure against width, temperature and batch size, a panel each."""
    drawn = make_subplots(rows=len(VARIED), cols=1, vertical_spacing=0.13)
    for row, (varied, title) in enumerate(VARIED.items(), start=1):
        rows = over_seeds(frame, metric="R@1", varied=varied)
        rows = rows.sort_values("place", na_position="last", kind="stable")
        settings = list(dict.fromkeys(rows["setting"]))
        chart.both_losses(drawn, rows, settings, "setting", line=2.5, dark=dark, row=row)
        drawn.update_xaxes(
            title=title, tickvals=list(range(len(settings))), ticktext=settings, row=row, col=1,
            range=[-0.4, len(settings) - 0.6],
        )  # fmt: skip
    return chart.lay_out_recall(drawn, height=720, dark=dark)
