"""How much do width, temperature and batch size matter, and to which loss more?"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gram.experiments.outcomes import Outcome
from gram.experiments.ranked import recall_at_1
from gram.experiments.runs import Budget, RunConfig, base_runs
from gram.experiments.sentences import listed, share
from gram.experiments.tables import Observation, highest, lowest, over_seeds, tabulate
from gram.experiments.work import Outcomes

NAME = "sensitivity"
TITLE = "Sensitivity"
VARIED = ("d", "temperature", "batch")
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


def observe(found: Mapping[RunConfig, Outcome], budget: Budget) -> Iterator[Observation]:
    """Yield R@1 of each run by its own measure, and the temperature it ended with."""
    for run, outcome in found.items():
        for varied, setting, place in _settings_of(run, budget):
            keys: dict[str, Any] = {"loss": run.loss, "varied": varied, "setting": setting, "place": place}
            embedded = outcome.embedding_set()
            yield recall_at_1(embedded, run.candidates, run.measure, keys=keys, seed=run.seed)
            yield Observation(keys, "temperature", run.seed, given=outcome.temperature)


def _settings_of(run: RunConfig, budget: Budget) -> list[tuple[str, str, float | None]]:
    """Return what a run is a point of: (varied, setting in words, its number); the budget's own run is one of each."""
    points: dict[str, tuple[float | None, str, float | None]] = {
        "d": (run.d, str(run.width(budget)), float(run.width(budget))),
        "temperature": (run.temperature, LEARNED if run.temperature is None else f"{run.temperature:g}",
                        run.temperature),
        "batch": (run.batch, str(run.batch or budget.batch), float(run.batch or budget.batch)),
    }  # fmt: skip
    away = [name for name, (value, *_) in points.items() if value is not None]
    return [(name, points[name][1], points[name][2]) for name in (away or VARIED)]


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, varied, setting, place, and those of `gram.experiments.tables`.

    "varied" is d, temperature or batch, "setting" its value in words, "place" the same as a number (NaN for a learned
    temperature). Metrics: "R@1" by the loss's own measure, and the "temperature" at the end. Runs of another batch see
    as many items, so they take fewer or more steps. Intervals of one seed are over items, those of all seeds over
    seeds where there are three.
    """
    return tabulate(observe(found, found.budget))


def extremes(frame: pd.DataFrame, loss: str, varied: str) -> tuple[pd.Series, pd.Series]:
    """Return the rows of the setting with the lowest and with the highest R@1 over all seeds."""
    rows = over_seeds(frame, loss=loss, varied=varied, metric="R@1")
    return lowest(rows), highest(rows)


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: how far R@1 goes with each setting under each loss, and which loss is moved more."""
    said = []
    for varied in VARIED:
        ranges, words = {}, []
        for loss in ("gram", "cosine"):
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
        gram, cosine = (extremes(frame, loss, varied) for loss in ("gram", "cosine"))
        moved = [100 * (best["value"] - worst["value"]) for worst, best in (gram, cosine)]
        said.append(f"{varied} {moved[0]:.0f} under GRAM and {moved[1]:.0f} under cosine")
    return f"Points of R@1 between the worst setting and the best: {'; '.join(said)}."
