"""Remedies, measured on held-out queries.

The items are split into two halves. The first chooses each remedy's parameter: the one with the best R@1, of equals the
first in the order of this module. On the second, R@1 with the remedy is compared with that of the untouched ranking.
Queries are ranked against the gallery of their own half, so R@1 is higher than against all items; differences count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.stats import bootstrap
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.sign_flips import reorient
from gram.diagnostics.failures.cases import case_task
from gram.errors import EmbeddingSetError
from gram.retrieval.ranks import Ranks, scale_of_scored
from gram.retrieval.scoring import tie_margin
from gram.retrieval.task import RetrievalTask

SAMPLE = 4000
NEIGHBOURS = (1, 2, 5, 10, 20, 50)  # of CSLS; the source takes 10
TEMPERATURES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)  # of the dual softmax, in standard deviations of the scores
_RESAMPLES = 1000
_Parameter = TypeVar("_Parameter", str, int, float)
_LEAST = 8  # items: four a half, fewer choose and show nothing


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A change of vectors or scores, and its effect on R@1 of held-out queries.

    Attributes:
        name: "untouched", "height", "reorient", "centre", "csls", "dual-softmax" or "leave-out".
        title: what a page calls it.
        parameter: what the other half chose, in words; "" where there is nothing to choose.
        recall: R@1 with it, ties broken at random.
        untouched: R@1 without, of the same queries.
        difference: recall - untouched.
        interval: its 95 % interval, from a percentile bootstrap over items.
        gained: how many items are first with it and not without.
        lost: how many are first without it and not with it.
        items: how many queries, ranked against as many items.
        text: one plain sentence on what it does.
    """

    name: str
    title: str
    parameter: str
    recall: float
    untouched: float
    difference: float
    interval: tuple[float, float]
    gained: int
    lost: int
    items: int
    text: str

    @property
    def verdict(self) -> str:
        """Whether it "helps" or "harms" (the interval leaves 0 out), does "nothing" to any item, or is "unclear"."""
        if not self.gained and not self.lost:
            return "nothing"
        low, high = self.interval
        return "helps" if low > 0 else "harms" if high < 0 else "unclear"


def measure_remedies(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> tuple[Remedy, ...]:
    """Return what each remedy does to R@1, the untouched ranking first; see the head of this module.

    - **height**: height in place of the measure, if it is another.
    - **reorient**: `gram.diagnostics.dataset.sign_flips.reorient`, the signs chosen on the first half.
    - **centre**: each modality's rows made unit, the mean of the first half taken away, made unit again.
    - **csls**: `csls`, the number of neighbours chosen; it takes the other queries into account.
    - **dual-softmax**: `dual_softmax`, the temperature chosen; likewise.
    - **leave-out**: the candidate modality chosen whose absence does best; with two candidates or more.

    Args and errors: as `gram.evaluate`, and
        sample: the largest number of items, at least 8, drawn with `seed`: each half's scores are held at once.
        seed: of the halves and of the bootstrap.

    Raises:
        EmbeddingSetError: fewer than 8 items have the query and a candidate.
    """
    if sample < _LEAST:
        raise ValueError(f"sample: expected at least {_LEAST}, got {sample}")
    task = case_task(embedding_set, query, candidates, measure, device)
    chooser, judge = _halves(task, sample, seed)
    progress(0.0, "untouched")
    untouched = judge.ranking.hits()
    found = [_judged("untouched", "Untouched", "", untouched, untouched, seed)]
    makers = _makers(task)
    for place, (name, (title, make)) in enumerate(makers.items()):
        progress((1 + place) / (1 + len(makers)), title.lower())
        parameter, ranking = make(task, chooser, judge)
        found.append(_judged(name, title, parameter, ranking.hits(), untouched, seed))
    progress(1.0, "done")
    return tuple(found)


class _Ranking(NamedTuple):
    """Scores of all pairs of a half, the true ones on the diagonal, and their scale (see `score_scale`)."""

    scores: Float[Tensor, "h h"]
    scale: float

    def hits(self) -> Float[np.ndarray, " h"]:
        """Return how likely each true item is first, ties broken at random."""
        own = self.scores.diagonal().unsqueeze(1)
        margin = tie_margin(own.masked_fill(own.isinf(), 0), self.scale)
        better = (self.scores > own + margin).sum(1)
        tied = (self.scores >= own - margin).sum(1) - better
        return Ranks(better, tied.clamp(min=1)).recall_at(1).cpu().numpy()


class _Half(NamedTuple):
    """Half of the items: their vectors, the query's first, and their ranking by the measure."""

    vectors: tuple[Float[Tensor, "h d"], ...]
    ranking: _Ranking


_Make = Callable[[RetrievalTask, _Half, _Half], tuple[str, _Ranking]]


def _halves(task: RetrievalTask, sample: int, seed: int) -> list[_Half]:
    if len(task) < _LEAST:
        raise EmbeddingSetError(
            f"{len(task)} items can be ranked; choosing on one half and judging on the other takes {_LEAST}"
        )
    drawn = np.random.default_rng(seed).permutation(len(task))[:sample]
    halves = []
    for part in np.array_split(drawn, 2):
        places = torch.from_numpy(np.sort(part))
        vectors = tuple(each[places].to(task.device, torch.float64) for each in (task.anchors, *task.others))
        halves.append(_Half(vectors, _ranked(task.measure, vectors)))
    return halves


def _ranked(measure: str, vectors: Sequence[Float[Tensor, "h d"]]) -> _Ranking:
    scale = scale_of_scored(measure, vectors[0], vectors[1:])
    return _Ranking(measures.score(measure, *vectors), float(scale))


def csls(scores: Float[Tensor, "q n"], neighbours: int) -> Float[Tensor, "q n"]:
    """Return cross-domain similarity local scaling: scores minus the mean of each query's and candidate's best.

        CSLS_ij = 2 s_ij - r_i - r_j,   r_i the mean of query i's largest `neighbours` scores, r_j candidate j's

    A candidate that scores high with every query, a hub, has a large r_j and loses by it. It needs the scores of all
    queries at once. Only differences of scores count, so it works for any measure, not cosines alone. A candidate
    that scores -inf keeps it.

    Source: A. Conneau, G. Lample, M. Ranzato, L. Denoyer, H. Jégou, Word Translation Without Parallel Data, ICLR 2018,
    arXiv 1710.04087, equation 3.
    """
    finite = scores.nan_to_num(neginf=float(scores[scores.isfinite()].min()))
    of_query = finite.topk(min(neighbours, scores.shape[1]), dim=1).values.mean(1, keepdim=True)
    of_candidate = finite.topk(min(neighbours, scores.shape[0]), dim=0).values.mean(0, keepdim=True)
    return 2 * scores - of_query - of_candidate


def dual_softmax(scores: Float[Tensor, "q n"], temperature: float) -> Float[Tensor, "q n"]:
    """Return the logarithm of the product of two softmaxes: over a query's candidates, and over a candidate's queries.

        log softmax_j(s_ij / T) + log softmax_i(s_ij / T)

    A candidate that suits many queries shares itself out among them. The source multiplies the scores by the second
    softmax, which means nothing for scores below 0 such as minus a volume; the product of both softmaxes ranks by the
    same two terms whatever the sign. It needs the scores of all queries at once. A candidate that scores -inf keeps it.

    Source: X. Cheng, H. Lin, X. Wu, F. Yang, D. Shen, Improving Video-Text Retrieval by Multi-Stream Corpus Alignment
    and Dual Softmax Loss, 2021, arXiv 2109.04290, section 3.3.
    """
    logits = scores / temperature
    both = logits.log_softmax(dim=1) + logits.log_softmax(dim=0)
    return both.masked_fill(scores == -torch.inf, -torch.inf)


def _makers(task: RetrievalTask) -> dict[str, tuple[str, _Make]]:
    makers: dict[str, tuple[str, _Make]] = {}
    if task.measure != "height":
        title = measures.get(task.measure).title.lower()
        makers["height"] = (f"Height instead of {title}", _height)
    makers["reorient"] = ("Reorient", _reoriented)
    makers["centre"] = ("Centre each modality", _centred)
    makers["csls"] = ("CSLS", _csls)
    makers["dual-softmax"] = ("Dual softmax", _dual_softmax)
    if len(task.candidates) > 1 and measures.get(task.measure).supports(len(task.candidates)):
        makers["leave-out"] = ("Leave a modality out", _left_out)
    return makers


def _height(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    return "", _ranked("height", judge.vectors)


def _reoriented(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    names = (task.query, *task.candidates)
    items = pd.DataFrame({"id": range(len(chooser.vectors[0]))})
    before = EmbeddingSet(dict(zip(names, chooser.vectors)), items, {"anchor": task.query})
    after = reorient(before)
    turned = [name for name in names if float((after.modalities[name] * before.modalities[name]).nansum()) < 0]
    vectors = [-each if name in turned else each for name, each in zip(names, judge.vectors)]
    chosen = f"{' and '.join(turned)} turned round" if turned else "no modality turned"
    return chosen, _ranked(task.measure, vectors)


def _centred(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    centres = [_unit(each).nanmean(dim=0) for each in chooser.vectors]
    return "", _ranked(task.measure, [_unit(_unit(each) - mean) for each, mean in zip(judge.vectors, centres)])


def _unit(rows: Float[Tensor, "h d"]) -> Float[Tensor, "h d"]:
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / length.masked_fill(length == 0, 1)


def _csls(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    def scaled(half: _Half, neighbours: int) -> _Ranking:
        return _Ranking(csls(half.ranking.scores, neighbours), 4 * half.ranking.scale)

    best = _best({each: scaled(chooser, each) for each in NEIGHBOURS})
    return f"{best} neighbours" if best > 1 else "1 neighbour", scaled(judge, best)


def _dual_softmax(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    scores = chooser.ranking.scores
    spread = float(scores[scores.isfinite()].std()) or 1.0

    def shared(half: _Half, temperature: float) -> _Ranking:
        return _Ranking(dual_softmax(half.ranking.scores, temperature), 4 * half.ranking.scale / temperature)

    best = _best({part * spread: shared(chooser, part * spread) for part in TEMPERATURES})
    return f"temperature {best:.3g}", shared(judge, best)


def _left_out(task: RetrievalTask, chooser: _Half, judge: _Half) -> tuple[str, _Ranking]:
    def without(half: _Half, name: str) -> _Ranking:
        place = 1 + task.candidates.index(name)
        return _ranked(task.measure, half.vectors[:place] + half.vectors[place + 1 :])

    best = _best({name: without(chooser, name) for name in task.candidates})
    return f"without {best}", without(judge, best)


def _best(tried: Mapping[_Parameter, _Ranking]) -> _Parameter:
    """Return the parameter with the best R@1, the first of equals."""
    recalls = {parameter: float(ranking.hits().mean()) for parameter, ranking in tried.items()}
    return max(recalls, key=lambda parameter: recalls[parameter])


def _judged(
    name: str, title: str, parameter: str, hits: Float[np.ndarray, " h"], untouched: Float[np.ndarray, " h"], seed: int
) -> Remedy:
    change = hits - untouched
    interval = bootstrap(
        (change,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    ).confidence_interval
    remedy = Remedy(
        name=name, title=title, parameter=parameter, recall=float(hits.mean()), untouched=float(untouched.mean()),
        difference=float(change.mean()), interval=(float(interval.low), float(interval.high)),
        gained=int((change > 0).sum()), lost=int((change < 0).sum()), items=len(hits), text="",
    )  # fmt: skip
    return replace(remedy, text=_text(remedy))


def _text(remedy: Remedy) -> str:
    if remedy.name == "untouched":
        return f"Untouched, {100 * remedy.untouched:.1f} % of {remedy.items:,} held-out queries find their item first."
    named = f"{remedy.title} ({remedy.parameter})" if remedy.parameter else remedy.title
    if remedy.verdict == "nothing":
        stays = f"R@1 stays {100 * remedy.untouched:.1f} %"
        return f"{named} does nothing: the same queries find their item first, {stays}."
    low, high = remedy.interval
    points = f"{100 * remedy.difference:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    change = f"from {100 * remedy.untouched:.1f} % to {100 * remedy.recall:.1f} % ({points})"
    if remedy.verdict == "helps":
        return f"{named} raises R@1 {change}."
    if remedy.verdict == "harms":
        return f"{named} harms: it lowers R@1 {change}."
    return f"{named} makes no difference that {remedy.items:,} queries can show: R@1 goes {change}."
