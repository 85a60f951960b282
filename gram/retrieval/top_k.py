"""Top-k and ranks of scored candidates: tied ones rank by row, and share the average of their ranks.

Scores tie within `tie_margin`. Of those that tie the lower position comes first, on every path of a search.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.retrieval.scoring import tie_margin

Positions = Int[np.ndarray, " m"]
_FEW = 256  # candidates that are scored as quickly as their bounds are narrowed
_RUN = 64  # values of which the largest stands for all
_HELD = 1 << 16  # pairs that `TopK` holds before it drops those that are not among the best


class Ranking:
    """The candidates' scores for one query, exact or bounded; where order needs it, bounded ones are scored.

    Attributes:
        lower: (n,) no more than each score; the score itself where it is known.
        upper: (n,) no less.
    """

    def __init__(
        self,
        lower: Float[np.ndarray, " n"],
        upper: Float[np.ndarray, " n"],
        scale: float,
        score: Callable[[Positions], Float[np.ndarray, " m"]] | None = None,
        refine: Callable[[Positions], tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> None:
        """Store float64 bounds, which change in place; one array twice where all scores are known.

        `scale` is that of `score_scale`; `score` gives some candidates' scores, and `refine`, sooner, narrower bounds.
        """
        self.lower, self.upper, self._scale, self._score, self._refine = lower, upper, scale, score, refine

    def scores(self, positions: Positions) -> Float[np.ndarray, " m"]:
        """Return exact scores."""
        open_ = positions[self.lower[positions] != self.upper[positions]]
        if len(open_) and self._score is not None:
            self.lower[open_] = self.upper[open_] = self._score(open_)
        return self.lower[positions]

    def best(self, k: int) -> Positions:
        """Return the k best candidates, best first; of those that tie, the lower first."""
        if not (k := min(k, len(self.lower))):
            return np.empty(0, dtype=np.int64)
        near: Positions | None = None  # all
        for round_ in range(3):  # each narrows the k-th best score
            lower, upper = (each if near is None else each[near] for each in (self.lower, self.upper))
            if self.lower is not self.upper:
                wanted = (k, 2 * k, len(upper))[round_]
                likely = np.flatnonzero(upper >= _largest(upper, min(wanted, len(upper))))[: 2 * wanted]
                self.scores(likely if near is None else near[likely])
                lower, upper = (each if near is None else each[near] for each in (self.lower, self.upper))
            last = _largest(lower, k)
            kept = np.flatnonzero(upper >= last - tie_margin(last, self._scale))
            near = kept if near is None else near[kept]
            if (self.lower[near] == self.upper[near]).all():
                break
        assert near is not None  # after the first round
        return near[order_hits(self.lower[near], near, self._scale)][:k]

    def ranks(self, positions: Positions) -> Float[np.ndarray, " m"]:
        """Return the rank of each of some candidates, 1 for the best: the average of the ranks that it ties for."""
        if not len(positions):
            return np.empty(0)
        scores = self.scores(positions)
        margin = tie_margin(scores, self._scale)
        low, high = scores - margin, np.nextafter(scores + margin, np.inf)
        ends = np.sort(np.concatenate([low, high]))
        near = np.flatnonzero(self.upper >= ends[0])
        below = self._counts(near, ends, self.upper)  # how many ends are no more than each score, at most
        if self.lower is not self.upper:
            for narrow in (self._narrow, self.scores):
                doubtful = np.flatnonzero(below != self._counts(near, ends, self.lower))
                narrow(near[doubtful])
                below[doubtful] = self._counts(near[doubtful], ends, self.upper)
        from_each = np.cumsum(np.bincount(below, minlength=len(ends) + 1)[::-1])[::-1]  # scores of so many ends or more
        at_least, better = (from_each[np.searchsorted(ends, end, side="left") + 1] for end in (low, high))
        return better + (at_least - better + 1) / 2

    def _counts(self, positions: Positions, ends: Float[np.ndarray, " e"], values: np.ndarray) -> Positions:
        return np.searchsorted(ends, values[positions], side="right")

    def _narrow(self, positions: Positions) -> None:
        """Narrow the bounds of candidates."""
        if len(positions) > _FEW and self._refine is not None:
            low, high = self._refine(positions)
            self.lower[positions] = np.maximum(self.lower[positions], low)
            self.upper[positions] = np.minimum(self.upper[positions], high)


def _largest(values: Float[np.ndarray, " n"], k: int) -> float:
    """Return the k-th largest value."""
    if len(values) > 4 * _RUN * k:  # k runs have a maximum of at least `enough`, so k values are at least that
        maxima = values[: len(values) // _RUN * _RUN].reshape(-1, _RUN).max(axis=1)
        enough = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
        values = values[values >= enough]
    return float(np.partition(values, len(values) - k)[len(values) - k])


class TopK:
    """The k best of n candidates for each of q queries, from scores that come block by block."""

    def __init__(self, q: int, k: int, scale: float, device: torch.device) -> None:
        """Start without hits; k is up to n, `scale` that of `score_scale`, `device` that of the scores."""
        self._q, self._k, self._scale = q, k, scale
        self._least = torch.full((q,), -torch.inf, dtype=torch.float64, device=device)  # of the k best so far, or less
        self._found: list[tuple[Positions, Positions, Float[np.ndarray, " m"]]] = []
        self._held = 0

    def add_block(self, queries: Int[Tensor, " b"], columns: slice, scores: Float[Tensor, "b c"]) -> None:
        """Add the scores of a block of queries and candidates."""
        if scores.shape[1] >= self._k:
            self._least[queries] = torch.maximum(self._least[queries], scores.topk(self._k, dim=1).values[:, -1])
        least = self._least[queries]
        at = (scores >= (least - tie_margin(least, self._scale).nan_to_num(nan=0.0, posinf=0.0))[:, None]).nonzero()
        positions = at[:, 1] + columns.start
        self.add(*(each.cpu().numpy() for each in (queries[at[:, 0]], positions, scores[at[:, 0], at[:, 1]])))

    def add(self, queries: Positions, positions: Positions, scores: Float[np.ndarray, " m"]) -> None:
        """Add the scores of some pairs."""
        self._found.append((queries, positions, scores))
        self._held += len(scores)
        if self._held > max(_HELD, 2 * self._q * self._k):
            self._cut()
            self._held = 0

    def hits(self) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
        """Return positions and float32 scores, best first; of scores that are equal, the lower position first."""
        if not self._q:
            return np.empty((0, self._k), dtype=np.int64), np.empty((0, self._k), dtype=np.float32)
        positions, scores = (each.reshape(self._q, self._k) for each in self._cut())
        scores = scores.astype(np.float32) + np.float32(0)
        order = np.lexsort((positions, -scores), axis=1)
        return np.take_along_axis(positions, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def _cut(self) -> tuple[Positions, Float[np.ndarray, " m"]]:
        """Keep the k best of each query, in order; those that tie get the score of the first of them."""
        queries, positions, scores = (np.concatenate(parts) for parts in zip(*self._found))
        order, first = _order(queries, scores, positions, self._scale)
        queries, positions, scores = queries[order], positions[order], scores[first]
        place = np.arange(len(queries)) - np.searchsorted(queries, queries)
        kept, last = place < self._k, place == self._k - 1
        device = self._least.device
        self._least[torch.from_numpy(queries[last]).to(device)] = torch.from_numpy(scores[last]).to(device)
        self._found = [(queries[kept], positions[kept], scores[kept])]
        return self._found[0][1:]


def order_hits(scores: Float[np.ndarray, " m"], positions: Positions, scale: float) -> Positions:
    """Return the order of scores, best first; those that tie, also through others between them, by position."""
    return _order(np.zeros(len(scores), dtype=np.int64), scores, positions, scale)[0]


def _order(
    queries: Positions, scores: Float[np.ndarray, " m"], positions: Positions, scale: float
) -> tuple[Positions, Positions]:
    """Return the order by query and score, and for each place in it the one that begins its ties."""
    order = np.lexsort((positions, -scores, queries))
    ordered = scores[order]
    steps = np.ones(len(order), dtype=bool)
    steps[1:] = ordered[:-1] - ordered[1:] > tie_margin(ordered[:-1], scale)
    steps[1:] |= queries[order[1:]] != queries[order[:-1]]
    first = order[np.maximum.accumulate(np.where(steps, np.arange(len(order)), 0))]
    return order[np.lexsort((positions[order], np.cumsum(steps)))], first
