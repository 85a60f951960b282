"""What happens when one modality is unequal: narrow, noisy, pure noise, or missing from many items?"""

from collections.abc import Iterator, Mapping

import pandas as pd

from gram import measures
from gram.experiments.outcomes import Outcome
from gram.experiments.ranked import recall_at_1
from gram.experiments.runs import DEGRADATIONS, DEGRADED, Budget, RunConfig, base_runs
from gram.experiments.sentences import listed, moved, points
from gram.experiments.tables import Observation, difference, highest, lowest, over_seeds, tabulate
from gram.experiments.work import Outcomes
from gram.losses import MEASURES

NAME = "unequal"
TITLE = "Unequal modalities"
CHANGE, WITHOUT = "R@1 change", "R@1 without it"


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, the pictures degraded in each way and in none."""
    return [
        run
        for degradation in DEGRADATIONS
        for run in base_runs(budget, seeds=budget.few_seeds, degradation=degradation)
    ]


def observe(found: Mapping[RunConfig, Outcome]) -> Iterator[Observation]:
    """Yield R@1 by every measure, how that changed from no degradation, and R@1 with the degraded one left out."""
    intact: dict[tuple[str, int, str], Observation] = {}
    for run, outcome in found.items():  # the intact ones first, as `runs` has them
        embedded = outcome.embedding_set()
        rest = [name for name in run.candidates if name != DEGRADED]
        for measure in measures.names(len(run.modalities)):
            keys = {"loss": run.loss, "degradation": run.degradation, "measure": measure}
            each = recall_at_1(embedded, run.candidates, measure, keys=keys, seed=run.seed)
            yield each
            yield recall_at_1(embedded, rest, measure, keys=keys, seed=run.seed, metric=WITHOUT)
            if run.degradation == DEGRADATIONS[0]:
                intact[run.loss, run.seed, measure] = each
            yield difference(keys, CHANGE, run.seed, each, intact[run.loss, run.seed, measure])


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, degradation, measure, and those of `gram.experiments.tables`.

    Pictures are degraded in training and in the test alike (see `gram.experiments.runs.RunConfig`). Metrics: "R@1",
    text asking all three; "R@1 change", minus that of the intact model of the same seed, paired by item; "R@1 without
    it", text asking speech and tones of the same model. Items that lack a picture are ranked by the vectors they have,
    as each measure does. Intervals of one seed are over items, those of all seeds over seeds where there are three.
    """
    return tabulate(observe(found))


def changes(frame: pd.DataFrame, loss: str) -> pd.DataFrame:
    """Return the rows of how R@1 changed by the loss's own measure, over all seeds, without the intact one."""
    rows = over_seeds(frame, loss=loss, measure=MEASURES[loss], metric=CHANGE)
    return rows[rows["degradation"] != DEGRADATIONS[0]]


def best_measure(frame: pd.DataFrame, loss: str, degradation: str) -> str:
    """Return the measure with the highest R@1 over all seeds."""
    rows = over_seeds(frame, loss=loss, degradation=degradation, metric="R@1")
    return str(highest(rows)["measure"])


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what costs each loss most by its own measure, and what ranks best where most lack it."""
    said = []
    for loss in ("gram", "cosine"):
        rows = changes(frame, loss)
        worst = lowest(rows)
        hurt = [str(row["degradation"]) for _, row in rows.iterrows() if row["high"] < 0]
        best = best_measure(frame, loss, DEGRADATIONS[-1])
        said.append(
            f"under {loss} the worst is {worst['degradation']} {DEGRADED}, {points(worst)} of R@1 by "
            f"{MEASURES[loss]} (a loss is seen for {listed(hurt)}; with 90 % missing, {best} ranks best)"
        )
    return f"With one modality unequal, {listed(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for loss, name in (("gram", "GRAM"), ("cosine", "cosine")):
        worst = lowest(changes(frame, loss))
        said.append(f"under {name} {DEGRADED} {_told(str(worst['degradation']))}, {moved(worst)} points of R@1")
    return f"What costs most: {'; '.join(said)}."


def _told(degradation: str) -> str:
    kind, _, share = degradation.partition("missing-")
    return f"missing from {share} %" if share else kind
