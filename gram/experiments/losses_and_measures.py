"""Does the loss win, or the measure? Both losses by every measure, in both directions."""

from collections.abc import Iterator, Mapping

import pandas as pd

from gram import measures
from gram.experiments.outcomes import Outcome
from gram.experiments.ranked import recall_at_1
from gram.experiments.runs import Budget, RunConfig, base_runs
from gram.experiments.sentences import leader, points, rate, share, verdict
from gram.experiments.tables import Observation, difference, highest, over_seeds, single_row, tabulate
from gram.experiments.work import Outcomes
from gram.losses import MEASURES
from gram.retrieval.evaluate import DIRECTIONS

NAME = "losses-and-measures"
TITLE = "Losses and measures"
DIFFERENCE = "R@1 difference"  # to the measure that the loss trains, item by item


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: both losses, all four modalities, every seed."""
    return base_runs(budget)


def observe(found: Mapping[RunConfig, Outcome]) -> Iterator[Observation]:
    """Yield R@1 of each run by each measure in each direction, and its difference to the trained-for measure."""
    for run, outcome in found.items():
        embedded = outcome.embedding_set()
        for direction in DIRECTIONS:
            by_measure = {
                measure: recall_at_1(
                    embedded, run.candidates, measure, direction=direction, seed=run.seed,
                    keys={"loss": run.loss, "measure": measure, "direction": direction},
                )
                for measure in measures.names(len(run.modalities))
            }  # fmt: skip
            yield from by_measure.values()
            own = by_measure[MEASURES[run.loss]]
            for each in by_measure.values():
                yield difference(each.keys, DIFFERENCE, run.seed, each, own)


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, measure, direction, and those of `gram.experiments.tables`.

    The metrics are "R@1" and "R@1 difference", of a measure minus the one that the loss trains. Intervals of one seed
    are over items (paired, for differences), those of all seeds over seeds where there are three.
    """
    return tabulate(observe(found))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: what text finds under each loss by its own measure, and what other measures change."""
    asked = {"direction": DIRECTIONS[0]}
    gram = single_row(frame, loss="gram", measure="volume", metric="R@1", **asked)
    cosine = single_row(frame, loss="cosine", measure="cosine", metric="R@1", **asked)
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
    asked = {"direction": DIRECTIONS[0], "metric": "R@1"}
    gram = single_row(frame, loss="gram", measure="volume", **asked)
    cosine = single_row(frame, loss="cosine", measure="cosine", **asked)
    best = highest(over_seeds(frame, **asked))
    return (
        f"R@1 by the measure each loss trains: GRAM {rate(gram)}, cosine {rate(cosine)} ({leader(gram, cosine)}). "
        f"The best of all pairs is the {best['loss']} loss ranked by {best['measure']}, {rate(best)}."
    )
