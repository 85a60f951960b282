"""Does the loss win, or the measure? Both losses by every measure, in both directions."""

from collections.abc import Iterable, Iterator

import pandas as pd
import plotly.graph_objects as go

from gram import measures
from gram.experiments import chart
from gram.experiments.claim import GRAM_PAPER, Claim, published
from gram.experiments.config import Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import leader, points, rate, share, verdict
from gram.experiments.table import (
    Observation,
    both_losses,
    difference,
    highest,
    over_seeds,
    recall_at_1,
    single_row,
    tabulated,
)
from gram.losses import MEASURES
from gram.retrieval.evaluate import DIRECTIONS

NAME, TITLE, ORDER = "losses-and-measures", "Losses and measures", 10
CLAIM = Claim(
    "Training and ranking by volume retrieves better than by pairwise cosines: by 4 to 7 points of R@1.",
    GRAM_PAPER,
    published(),
)
DIFFERENCE = "R@1 difference"  # to the measure that the loss trains, item by item


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, all four modalities, every seed."""
    return base_runs(budget)


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, measure, direction, and those of `gram.experiments.table`.

    The metrics are "R@1" and "R@1 difference", of a measure minus the one that the loss trains, paired by item.
    """
    for outcome in outcomes:
        run, embedded = outcome.run, outcome.embedding_set()
        for direction in DIRECTIONS:
            by_measure = {
                measure: recall_at_1(
                    embedded, run.candidates, measure, direction=direction, seed=run.seed,
                    keys={"loss": run.loss, "measure": measure, "direction": direction},
                )
                for measure in measures.names(len(run.modalities))
            }  # fmt: skip
            yield from by_measure.values()
            own = by_measure[run.measure]
            for each in by_measure.values():
                yield difference(each.keys, DIFFERENCE, run.seed, each, own)


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what text finds under each loss by its own measure, and what other measures change."""
    asked = {"direction": DIRECTIONS[0]}
    gram, cosine = both_losses(frame, metric="R@1", **asked)
    crossed = single_row(frame, loss="cosine", measure="volume", metric=DIFFERENCE, **asked)
    turned = single_row(frame, loss="gram", measure="cosine", metric=DIFFERENCE, **asked)
    height = single_row(frame, loss="cosine", measure="height", metric=DIFFERENCE, **asked)
    best = highest(over_seeds(frame, metric="R@1", **asked))
    return (
        f"By the measure each loss trains, text finds its item first for {share(gram)} after the GRAM loss and "
        f"{share(cosine)} after pairwise cosine: {verdict('GRAM', gram, 'cosine', cosine)}; "
        f"ranked by the other's measure, the GRAM model changes by {points(turned)} and the cosine model by "
        f"{points(crossed)}; by height alone the cosine model changes by {points(height)}, and the best of all pairs "
        f"is {best['loss']} by {best['measure']} with {share(best)}."
    )


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    asked = {"metric": "R@1", "direction": DIRECTIONS[0]}
    gram, cosine = both_losses(frame, **asked)
    best = highest(over_seeds(frame, **asked))
    return (
        f"R@1 by the measure each loss trains: GRAM {rate(gram)}, cosine {rate(cosine)} ({leader(gram, cosine)}). "
        f"The best of all pairs is the {best['loss']} loss ranked by {best['measure']}, {rate(best)}."
    )


def figure(frame: pd.DataFrame, *, direction: str = DIRECTIONS[0], dark: bool = False) -> go.Figure:
    """Return R@1 of both losses by every measure: a row a measure, a dot a loss, the trained-for measure larger.

    Args:
        frame: the table.
        direction: one of `gram.retrieval.evaluate.DIRECTIONS`.
        dark: for a dark ground.
    """
    rows = over_seeds(frame, metric="R@1", direction=direction)
    rows = rows.assign(trained=rows["measure"] == rows["loss"].map(dict(MEASURES)))
    names = list(dict.fromkeys(rows["measure"]))
    drawn = go.Figure()
    chart.both_losses(drawn, rows, names, "measure", large="trained", dark=dark)
    return chart.lay_out_rows(drawn, names, chart.RECALL, dark=dark)
