"""GRAM against its rivals: the same encoders, items, seeds and steps under every loss of `gram.losses.LOSSES`."""

from collections.abc import Iterable, Iterator

import pandas as pd
import plotly.graph_objects as go
import torch

from gram import measures
from gram.datasets.spoken_numbers import MODALITIES
from gram.experiments import chart
from gram.experiments.claim import GRAM_PAPER, Claim
from gram.experiments.config import COMPARED, Budget, RunConfig, base_runs
from gram.experiments.outcomes import Outcome
from gram.experiments.sentences import listed, moved, rate, share, sign
from gram.experiments.table import Observation, difference, highest, over_seeds, recall_at_1, single_row, tabulated
from gram.losses import LOSSES

NAME, TITLE, ORDER = "rivals", "Rivals", 70
CLAIM = Claim(
    "The volume aligns more than two modalities better than what was proposed before and since.",
    f"{GRAM_PAPER}; the rivals' sources stand with their losses in gram.losses (TRIANGLE arXiv 2509.24734, PMRL "
    "arXiv 2507.17343, Symile arXiv 2411.01053)",
    caution=(
        "No loss was tuned: each has its module's usual temperature, and all one learning rate. PMRL's are its "
        "authors', for pretrained encoders; from scratch it hardly learns in these steps, and its row says no more."
    ),
)
ALL, THREE = "+".join(MODALITIES), MODALITIES[:3]
MATCHED = "gram+matching"
RERANKED = 50
DIFFERENCE = "R@1 difference"  # to the GRAM loss by volume, item by item
_MEASURES = ("volume", "height", "cosine")
_OF_THREE = [name for name, loss in LOSSES.items() if loss.modalities == len(THREE)]


def runs(budget: Budget) -> list[RunConfig]:
    """Return the runs: every loss on all modalities, GRAM with the matching head, and three losses on three."""
    few = budget.few_seeds
    others = [name for name, loss in LOSSES.items() if name not in COMPARED and loss.modalities is None]
    return [
        *base_runs(budget, seeds=few),
        *(RunConfig(name, seed) for name in others for seed in range(few)),
        *(RunConfig("gram", seed, matching=True) for seed in range(few)),
        *base_runs(budget, seeds=few, modalities=THREE),
        *(RunConfig(name, seed, modalities=THREE) for name in _OF_THREE for seed in range(few)),
    ]


@tabulated
def table(outcomes: Iterable[Outcome]) -> Iterator[Observation]:
    """Return the table: columns loss, modalities, measure, and those of `gram.experiments.table`.

    Metrics: "R@1", text asking the rest; "R@1 difference", by the loss's own measure minus the GRAM loss's by volume on
    the same modalities, paired by item and seed. The loss "gram+matching" is GRAM with the matching head, and its
    measure "matching" orders the 50 best by volume anew. The triangle is for three modalities: text, image, speech.
    """
    own: dict[tuple[str, int, int], Observation] = {}
    for outcome in outcomes:
        run, embedded = outcome.run, outcome.embedding_set()
        loss = MATCHED if run.matching else run.loss
        keys = {"loss": loss, "modalities": "+".join(run.modalities)}
        found = [
            recall_at_1(embedded, run.candidates, measure, keys={**keys, "measure": measure}, seed=run.seed)
            for measure in dict.fromkeys((run.measure, *_MEASURES))
        ]
        if run.matching:
            items = reranked(outcome).numpy()
            found.append(Observation({**keys, "measure": "matching"}, "R@1", run.seed, items=items))
        yield from found
        own[loss, len(run.modalities), run.seed] = found[-1 if run.matching else 0]
    for (_, k, seed), each in own.items():
        yield difference(each.keys, DIFFERENCE, seed, each, own["gram", k, seed])


def reranked(outcome: Outcome) -> torch.Tensor:
    """Return (n,) whether each text finds its item first among its 50 best by volume, ordered by the matching head.

    Ties at the top count as their share; an item that is not among the 50 is not found.
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


def finding(frame: pd.DataFrame) -> str:
    """Return one sentence: which losses are ahead of GRAM and which behind, each by its own measure."""
    rows, gram = _differences(frame), _gram(frame)
    ahead, behind, level = (
        listed([row["loss"] for _, row in rows.iterrows() if sign(row) == side]) for side in (1, -1, 0)
    )
    best = highest(rows)
    top = single_row(frame, metric="R@1", loss=best["loss"], measure=best["measure"], modalities=best["modalities"])
    beside = {1: "ahead of", -1: "behind", 0: "not told apart from"}
    three = [
        f"the {name} is {beside[sign(single_row(frame, metric=DIFFERENCE, loss=name))]} GRAM" for name in _OF_THREE
    ]
    lead = f"the best rival is {best['loss']} with {share(top)}" if best["value"] > 0 else "no rival has a higher R@1"
    return (
        f"Each by its own measure, GRAM finds {share(gram)} first and {lead}: ahead of GRAM are {ahead}, "
        f"behind it {behind}, not told apart {level}; of three modalities, {listed(three)}."
    )


def headline(frame: pd.DataFrame) -> str:
    """Return the finding in short, without its intervals."""
    rows = _differences(frame).sort_values("value", ascending=False)
    ahead, behind, level = (
        listed([f"{row['loss']} ({moved(row)})" for _, row in rows.iterrows() if sign(row) == side])
        for side in (1, -1, 0)
    )
    return (
        f"R@1 of GRAM {rate(_gram(frame))}, each by its own measure. Ahead, in points: {ahead}. "
        f"Not told apart: {level}. Behind: {behind}."
    )


def _differences(frame: pd.DataFrame) -> pd.DataFrame:
    rows = over_seeds(frame, metric=DIFFERENCE, modalities=ALL)
    return rows[rows["loss"] != "gram"]


def _gram(frame: pd.DataFrame) -> pd.Series:
    return single_row(frame, metric="R@1", loss="gram", measure="volume", modalities=ALL)


def figure(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Return R@1 of every loss by its own measure, the best on top, and in grey by mean cosine.

    Losses that were trained on three modalities are in rows of their own, below.
    """
    rows, columns = over_seeds(frame, metric="R@1"), ["loss", "modalities", "measure"]
    own = rows.merge(over_seeds(frame, metric=DIFFERENCE)[columns], on=columns)
    own = _named(own).assign(three=own["modalities"] != ALL).sort_values(["three", "value"], ascending=[True, False])
    names = list(own["name"])
    drawn = go.Figure()
    cosine = _named(rows[rows["measure"] == "cosine"])
    chart.ticks(drawn, cosine, names, name="by mean cosine", symbol="x-thin", size=9, width=2, dark=dark)
    chart.points(drawn, own, names, "name", side=0, name="by the loss's own measure", dark=dark, shift=False)
    return chart.lay_out_rows(drawn, names, chart.RECALL, dark=dark)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the column "name": the loss of each row, and of how many modalities where not of all."""
    told = rows["modalities"].map(lambda kinds: "" if kinds == ALL else f", k = {len(kinds.split('+'))}")
    return rows.assign(name=rows["loss"] + told)
