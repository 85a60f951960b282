"""One query against a whole gallery, in one pass in float64: the best items, and where any item ranks.

Places and scores come of the same numbers, so a list never contradicts the rank beside it.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.retrieval.product_scores import MEASURES as BY_PRODUCTS
from gram.retrieval.product_scores import scores_of
from gram.retrieval.products import InnerProducts, Progress
from gram.retrieval.scoring import BLOCK, SCALE_SAMPLE, TOLERANCE, score_scale

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
        self,
        measure: str,
        vectors: Sequence[Float[Tensor, "n d"]] | InnerProducts,
        *,
        device: torch.device,
        keep: int | None = None,
        rows: Int[Tensor, " c"] | None = None,
    ) -> None:
        """Work out the candidates' side of the measure once, unless it takes more than `keep` bytes.

        Args:
            measure: its name.
            vectors: one tensor a modality; or what several `Candidates` of the same vectors share.
            device: where to compute.
            keep: bytes of prepared vectors to hold on to, `KEEP` if not told; of more, candidates are read through
                for each query.
            rows: which of them are candidates; default: all.
        """
        self._measure = measures.get(measure)
        self._products = vectors if isinstance(vectors, InnerProducts) else InnerProducts(vectors, device=device)
        self._rows = rows
        self._device = device
        self._n = len(self._products) if rows is None else len(rows)
        self._lengths_of = self._own(torch.linspace(0, self._n - 1, min(SCALE_SAMPLE, self._n)).long())
        self._kept: list[measures.Prepared] | None = None
        self._last: tuple[bytes, Ranking] | None = None
        numbers = self._n * sum(each.shape[1] for each in self._products.vectors)
        if self._measure.supports(1 + len(self._products.vectors)) and 8 * numbers <= (KEEP if keep is None else keep):
            self._kept = list(self._prepared((), None))

    def rank(self, query: Float[Tensor, "parts d"], progress: Progress | None = None) -> Ranking:
        """Return the scores of all candidates for a query's vectors, the anchor first.

        The other vectors of the query join every candidate, before its own, so the measure sees one set of vectors.

        Args:
            query: its vectors.
            progress: is told the share that is done, where all candidates have to be read through.
        """
        query = query.to(self._device, torch.float64)
        anchor, *joined = query.split(1)
        if kept := self._with([vector[0] for vector in joined]):
            return Ranking(self._compared(anchor, kept), self._typical(anchor, joined))
        key = query.cpu().numpy().tobytes()
        if self._last is None or self._last[0] != key:
            if self._measure.name in BY_PRODUCTS:
                scores = self._by_products(query, progress)
            else:
                scores = self._compared(anchor, self._prepared(joined, progress))
            self._last = key, Ranking(scores, self._typical(anchor, joined))
        return self._last[1]

    def _compared(self, anchor: Float[Tensor, "1 d"], sides: Iterable[measures.Prepared]) -> Float[np.ndarray, " n"]:
        return torch.cat([self._measure.scores(anchor, prepared)[0].cpu() for prepared in sides]).numpy()

    def _by_products(self, query: Float[Tensor, "parts d"], progress: Progress | None) -> Float[np.ndarray, " n"]:
        """Return the scores from inner products; those that these leave open from the vectors themselves."""
        across, own = self._products.with_query(query, progress)
        if self._rows is not None:
            across, own = across[self._rows], own[self._rows]
        scores, still_open = scores_of(self._measure.name, query.cpu(), across, own)
        anchor, *joined = query.split(1)
        for places in still_open.nonzero().flatten().split(BLOCK):
            prepared = self._prepare(joined, self._own(places))
            scores[places] = self._measure.scores(anchor, prepared)[0].cpu()
        return scores.numpy()

    def _with(self, joined: Sequence[Float[Tensor, " d"]]) -> Iterator[measures.Prepared] | None:
        """Return what is kept, with some vectors joined to it; None where nothing is, or they cannot be joined."""
        if self._kept is None or (joined and not self._measure.can_join):
            return None
        return (
            functools.reduce(lambda to, vector: self._measure.join(vector, to), joined, each) for each in self._kept
        )

    def _own(self, places: slice | Int[Tensor, " b"]) -> list[Float[Tensor, "b d"]]:
        return self._products.rows(places if self._rows is None else self._rows[places])

    def _prepared(
        self, joined: Sequence[Float[Tensor, "1 d"]], progress: Progress | None
    ) -> Iterator[measures.Prepared]:
        for start in range(0, self._n, BLOCK):
            yield self._prepare(joined, self._own(slice(start, min(start + BLOCK, self._n))))
            if progress is not None:
                progress(min(start + BLOCK, self._n) / self._n)

    def _prepare(
        self, joined: Sequence[Float[Tensor, "1 d"]], own: Sequence[Float[Tensor, "b d"]]
    ) -> measures.Prepared:
        return self._measure.prepare(*(vector.expand_as(own[0]) for vector in joined), *own)

    def _typical(self, anchor: Tensor, joined: Sequence[Tensor]) -> float:
        sides = [*(vector.expand_as(self._lengths_of[0]) for vector in joined), *self._lengths_of]
        return float(score_scale(self._measure, anchor, sides, self._device))
