"""What happens when one modality is unequal: narrow, noisy, pure noise, or missing from many items?"""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd
import plotly.graph_objects as go

from gram import measures
from gram.experiments import chart
from gram.experiments.claim import OWN_QUESTION, Claim
from gram.experiments.config import COMPARED, DEGRADATIONS, DEGRADED, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import listed, moved, points
from gram.experiments.table import Observation, difference, highest, lowest, over_seeds, recall_at_1, tabulated
from gram.losses import MEASURES

NAME, TITLE, ORDER = "unequal", "Unequal modalities", 50
CLAIM = Claim(
    "Aligning all modalities at once copes with modalities that are weak, noisy or missing.",
    f"{OWN_QUESTION}, on what joint alignment promises",
)
CHANGE, WITHOUT = "R@1 change", "R@1 without it"
_ON_AXIS = {"none": "as it is", "narrow": "8 dimensions", "pure-noise": "noise alone"}


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, the pictures degraded in each way and in none."""
    few = budget.few_seeds
    return [run for degradation in DEGRADATIONS for run in base_runs(budget, seeds=few, degradation=degradation)]


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, degradation, measure, and those of `gram.experiments.table`.

    Pictures are degraded in training and in the test alike (see `gram.experiments.config.RunConfig`). Metrics: "R@1",
    text asking all three; "R@1 change", minus that of the intact model of the same seed, paired by item; "R@1 without
    it", text asking speech and tones of the same model. Items that lack a picture are ranked by the vectors they have,
    as each measure does.
    """
    intact: dict[tuple[str, int, str], Observation] = {}
    for outcome in outcomes:  # the intact ones first, as `runs` has them
        run, embedded = outcome.run, outcome.embedding_set()
        rest = [name for name in run.candidates if name != DEGRADED]
        for measure in measures.names(len(run.modalities)):
            keys = {"loss": run.loss, "degradation": run.degradation, "measure": measure}
            each = recall_at_1(embedded, run.candidates, measure, keys=keys, seed=run.seed)
            yield each
            yield recall_at_1(embedded, rest, measure, keys=keys, seed=run.seed, metric=WITHOUT)
            if run.degradation == DEGRADATIONS[0]:
                intact[run.loss, run.seed, measure] = each
            yield difference(keys, CHANGE, run.seed, each, intact[run.loss, run.seed, measure])


def changes(frame: pd.DataFrame, loss: str) -> pd.DataFrame:
    """Return the rows of how R@1 changed by the loss's own measure, over all seeds, without the intact one."""
    rows = over_seeds(frame, loss=loss, measure=MEASURES[loss], metric=CHANGE)
    return rows[rows["degradation"] != DEGRADATIONS[0]]


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what costs each loss most by its own measure, and what ranks best where most lack it."""
    said = []
    for loss in COMPARED:
        rows = changes(frame, loss)
        worst = lowest(rows)
        hurt = [str(row["degradation"]) for _, row in rows.iterrows() if row["high"] < 0]
        best = highest(over_seeds(frame, loss=loss, degradation=DEGRADATIONS[-1], metric="R@1"))["measure"]
        said.append(
            f"under {loss} the worst is {worst['degradation']} {DEGRADED}, {points(worst)} of R@1 by "
            f"{MEASURES[loss]} (a loss is seen for {listed(hurt)}; with 90 % missing, {best} ranks best)"
        )
    return f"With one modality unequal, {listed(said)}."


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    said = []
    for loss, name in zip(COMPARED, ("GRAM", "cosine")):
        worst = lowest(changes(frame, loss))
        kind, _, share = str(worst["degradation"]).partition("missing-")
        told = f"missing from {share} %" if share else kind
        said.append(f"under {name} {DEGRADED} {told}, {moved(worst)} points of R@1")
    return f"What costs most: {'; '.join(said)}."


def figure(frame: pd.DataFrame, *, ranked_by: Mapping[str, str] = MEASURES, dark: bool = False) -> go.Figure:
    """Return R@1 with one modality degraded in each way: a row a way, a dot a loss.

    Args:
        frame: the table.
        ranked_by: loss -> measure; by default what the loss trains.
        dark: for a dark ground.
    """
    rows = over_seeds(frame, metric="R@1").assign(degradation=lambda found: found["degradation"].map(_on_axis))
    names = list(dict.fromkeys(rows["degradation"]))
    drawn = go.Figure()
    chart.both_losses(drawn, rows, names, "degradation", ranked_by=ranked_by, dark=dark)
    return chart.lay_out_rows(drawn, names, chart.RECALL, dark=dark)


def _on_axis(degradation: str) -> str:
    kind, _, share = degradation.partition("missing-")
    return f"{share} % missing" if share else _ON_AXIS.get(kind, kind)
