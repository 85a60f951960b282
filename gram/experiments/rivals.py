"""GRAM against its rivals: the same encoders, items, seeds and steps under every loss of `gram.losses.LOSSES`."""

from collections.abc import Iterator, Mapping

import pandas as pd
import torch

from gram import measures
from gram.experiments.outcomes import Outcome
from gram.experiments.ranked import recall_at_1
from gram.experiments.runs import Budget, RunConfig, base_runs
from gram.experiments.sentences import listed, moved, rate, share, sign
from gram.experiments.tables import Observation, difference, highest, over_seeds, single_row, tabulate
from gram.experiments.work import Outcomes
from gram.losses import LOSSES

NAME = "rivals"
TITLE = "Rivals"
THREE = ("text", "image", "speech")
MATCHED = "gram+matching"
RERANKED = 50
DIFFERENCE = "R@1 difference"  # to the GRAM loss by volume, item by item
_MEASURES = ("volume", "height", "cosine")


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: every loss on all modalities, GRAM with the matching head, and three losses on three."""
    few = budget.few_seeds
    others = [name for name, loss in LOSSES.items() if name not in ("gram", "cosine") and loss.modalities is None]
    return [
        *base_runs(budget, seeds=few),
        *(RunConfig(name, seed) for name in others for seed in range(few)),
        *(RunConfig("gram", seed, matching=True) for seed in range(few)),
        *base_runs(budget, seeds=few, modalities=THREE),
        *(RunConfig("triangle", seed, modalities=THREE) for seed in range(few)),
    ]


def name_of(run: RunConfig) -> str:
    """Return what a run's loss is called: its name, and whether the matching head was trained with it."""
    return MATCHED if run.matching else run.loss


def observe(found: Mapping[RunConfig, Outcome]) -> Iterator[Observation]:
    """Yield R@1 of each run by its own measure, volume, height and cosine, and how its own differs from GRAM's."""
    own: dict[tuple[str, int, int], Observation] = {}
    for run, outcome in found.items():
        embedded = outcome.embedding_set()
        keys = {"loss": name_of(run), "modalities": "+".join(run.modalities)}
        for measure in dict.fromkeys((run.measure, *_MEASURES)):
            each = recall_at_1(embedded, run.candidates, measure, keys={**keys, "measure": measure}, seed=run.seed)
            yield each
            if measure == run.measure:
                own[name_of(run), len(run.modalities), run.seed] = each
        if run.matching:
            each = Observation({**keys, "measure": "matching"}, "R@1", run.seed, items=reranked(outcome).numpy())
            yield each
            own[name_of(run), len(run.modalities), run.seed] = each
    for (_, k, seed), each in own.items():
        yield difference(each.keys, DIFFERENCE, seed, each, own["gram", k, seed])


def reranked(outcome: Outcome) -> torch.Tensor:
    """Return (n,) whether each text finds its item first among its 50 best by volume, ordered by the matching head.

    Ties at the top count as their share; an item that is not among the 50 is not found.

    Raises:
        ValueError: the run has no matching head.
    """
    if outcome.matching is None:
        raise ValueError(f"outcome: expected a run with the matching head, got {outcome.run}")
    anchor, *others = outcome.embedding_set().modalities.values()
    scores = measures.score("volume", anchor.double(), *(other.double() for other in others))
    best = scores.topk(min(RERANKED, scores.shape[1]), dim=1).indices
    with torch.no_grad():
        logits = outcome.matching.score_paired(anchor.unsqueeze(1), *(other[best] for other in others))
    first = logits == logits.max(dim=1, keepdim=True).values
    found = first & (best == torch.arange(len(anchor)).unsqueeze(1))
    return found.any(dim=1).double() / first.sum(dim=1)


def table(found: Outcomes) -> pd.DataFrame:
    """Return the table: columns loss, modalities, measure, and those of `gram.experiments.tables`.

    Metrics: "R@1", text asking the rest; "R@1 difference", by the loss's own measure minus the GRAM loss's by volume on
    the same modalities, paired by item and seed. The loss "gram+matching" is GRAM with the matching head, and its
    measure "matching" orders the 50 best by volume anew. The triangle is for three modalities: text, image, speech.
    Intervals of one seed are over items, those of all seeds over seeds where there are three.
    """
    return tabulate(observe(found))


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: which losses are ahead of GRAM and which behind, each by its own measure."""
    rows = over_seeds(frame, metric=DIFFERENCE, modalities="text+image+speech+tones")
    rows = rows[rows["loss"] != "gram"]
    gram = single_row(frame, metric="R@1", loss="gram", measure="volume", modalities="text+image+speech+tones")
    groups = {side: [str(row["loss"]) for _, row in rows.iterrows() if sign(row) == side] for side in (1, -1, 0)}
    best = highest(rows)
    top = single_row(frame, metric="R@1", loss=best["loss"], measure=best["measure"], modalities=best["modalities"])
    triangle = single_row(frame, metric=DIFFERENCE, loss="triangle")
    beside = {1: "ahead of", -1: "behind", 0: "not told apart from"}[sign(triangle)]
    lead = f"the best rival is {best['loss']} with {share(top)}" if best["value"] > 0 else "no rival has a higher R@1"
    return (
        f"Each by its own measure, GRAM finds {share(gram)} first and {lead}: ahead of GRAM are {listed(groups[1])}, "
        f"behind it {listed(groups[-1])}, not told apart {listed(groups[0])}; of three modalities, the triangle is "
        f"{beside} GRAM."
    )


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    rows = over_seeds(frame, metric=DIFFERENCE, modalities="text+image+speech+tones")
    rows = rows[rows["loss"] != "gram"].sort_values("value", ascending=False)
    gram = single_row(frame, metric="R@1", loss="gram", measure="volume", modalities="text+image+speech+tones")
    said = {
        side: listed([f"{row['loss']} ({moved(row)})" for _, row in rows.iterrows() if sign(row) == side])
        for side in (1, -1, 0)
    }
    return (
        f"R@1 of GRAM {rate(gram)}, each by its own measure. Ahead, in points: {said[1]}. Not told apart: {said[0]}. "
        f"Behind: {said[-1]}."
    )
