"""One query against a whole gallery, in one pass in float64: the best items, and where any item ranks.

Places and scores come of the same numbers, so a list never contradicts the rank beside it.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram._ranking import BLOCK, TOLERANCE, typical_score

KEEP = 2**29  # bytes of prepared vectors that a gallery holds on to: 170,000 candidates of 3 vectors of 128


@dataclass(frozen=True, eq=False)
class Ranking:
    """The scores of all n candidates for one query.

    Attributes:
        scores: (n,), higher = better aligned.
        typical: size of a score that random directions would have; what rounding is measured against.
    """

    scores: Float[np.ndarray, " n"]
    typical: float

    def best(self, k: int) -> Int[np.ndarray, " k"]:
        """Return the k best candidates, best first; of those that tie, the lower first."""
        k = min(k, len(self.scores))
        last = np.partition(self.scores, len(self.scores) - k)[len(self.scores) - k]
        found = np.flatnonzero(self.scores >= last - self._margin(last))
        found = found[np.argsort(-self.scores[found], kind="stable")]
        scores = self.scores[found]
        steps = scores[:-1] - scores[1:] > self._margin(scores[:-1])
        return found[np.lexsort((found, np.concatenate([[0], np.cumsum(steps)])))][:k]

    def rank(self, candidate: int) -> float:
        """Return the place of a candidate, 1 for the best: the average of the places that it ties for."""
        score = self.scores[candidate]
        margin = self._margin(score)
        better = int((self.scores > score + margin).sum())
        tied = int((self.scores >= score - margin).sum()) - better
        return better + (tied + 1) / 2

    def _margin(self, score: float | Float[np.ndarray, " m"]) -> float | Float[np.ndarray, " m"]:
        return TOLERANCE * (np.abs(score) + self.typical)


class Candidates:
    """n candidates of a gallery ready to be ranked for one query after another."""

    def __init__(
        self, measure: str, vectors: Sequence[Float[Tensor, "n d"]], *, device: torch.device, keep: int = KEEP
    ) -> None:
        """Work out the candidates' side of the measure once, unless it takes more than `keep` bytes."""
        self._measure = measures.get(measure)
        self._vectors = vectors
        self._device = device
        self._kept: list[measures.Prepared] | None = None
        if self._measure.fits(1 + len(vectors)) and 8 * vectors[0].numel() * len(vectors) <= keep:
            self._kept = list(self._prepared(()))

    def rank(self, query: Float[Tensor, "parts d"]) -> Ranking:
        """Return the scores of all candidates for a query's vectors, the anchor first.

        The other vectors of the query join every candidate, before its own, so the measure sees one set of vectors.
        """
        anchor, *joined = query.to(self._device, torch.float64).split(1)
        kept = self._with([vector[0] for vector in joined]) or self._prepared(joined)
        scores = torch.cat([self._measure.compare(anchor, prepared)[0] for prepared in kept])
        return Ranking(scores.cpu().numpy(), self._typical(anchor, joined))

    def _with(self, joined: Sequence[Float[Tensor, " d"]]) -> Iterator[measures.Prepared] | None:
        """Return what is kept, with some vectors joined to it; None where nothing is, or they cannot be joined."""
        if self._kept is None or (joined and self._measure.join_to_side is None):
            return None
        return (
            functools.reduce(lambda to, vector: self._measure.join(vector, to), joined, each) for each in self._kept
        )

    def _prepared(self, joined: Sequence[Float[Tensor, "1 d"]]) -> Iterator[measures.Prepared]:
        for start in range(0, len(self._vectors[0]), BLOCK):
            own = [vectors[start : start + BLOCK].to(self._device, torch.float64) for vectors in self._vectors]
            yield self._measure.prepare(*(vector.expand_as(own[0]) for vector in joined), *own)

    def _typical(self, anchor: Tensor, joined: Sequence[Tensor]) -> float:
        n = len(self._vectors[0])
        sides = [*(vector.expand(n, -1) for vector in joined), *self._vectors]
        return float(typical_score(self._measure, anchor, sides, self._device))
