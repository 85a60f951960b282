"""The exact scores behind `Searcher`: the k best of many queries, or the ranking of all candidates for one.

Either every candidate is scored; or candidates are compressed, and only those are scored whose bounds leave it open
whether they are among the best, or better than an item whose rank is wanted.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.measures import Measure
from gram.retrieval.compressed.codes import LARGEST_K, SpanCodes, supports
from gram.retrieval.scoring import (
    SCALE_SAMPLE,
    Block,
    score_all,
    score_blocks,
    score_pairs,
    score_scale,
    tie_margin,
)
from gram.retrieval.top_k import Ranking, TopK

COMPRESSED_FROM = 100_000  # items: fewer are searched in less time than compressing them takes
KEPT = 2**29  # bytes of prepared candidates in memory: 170,000 of 3 vectors of 128
_FEW = 16  # queries that are answered one by one where their bounds have to be worked out for all candidates


class Engine:
    """A gallery made ready for one measure.

    Attributes:
        vectors: the candidates.
        codes: their compressed copy, made on first use; engines of several measures may share it.
        compressed: whether it is used.
    """

    def __init__(self, measure: Measure, codes: SpanCodes, compressed: bool | None) -> None:
        """Store the gallery, unread; where supported, `compressed` None compresses `COMPRESSED_FROM` items or more."""
        self._measure, self.codes, self.vectors = measure, codes, codes.candidates
        wanted = len(self.vectors) >= COMPRESSED_FROM if compressed is None else compressed
        self.compressed = wanted and supports(measure, self.vectors)
        self._prepared: list[Block] | None = None
        self._sample: list[Tensor] | None = None
        self._scales: dict[tuple[float, ...], float] = {}
        self._last: tuple[bytes, Ranking] | None = None

    def prepare(self, progress: Progress = no_progress) -> None:
        """Compress the candidates, or prepare those that are kept, unless that was done."""
        if self.compressed:
            self.codes.pack(progress)
        else:
            self._kept()

    def hits(
        self, anchors: Float[Tensor, "q d"], k: int, progress: Progress = no_progress
    ) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
        """Return the positions of the k best candidates for each anchor, up to n, and their scores in float32."""
        if not len(anchors):
            return np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32)
        scale = self._scale(anchors, anchors[:0])
        best = TopK(len(anchors), k, scale, self.vectors.device)
        left = torch.arange(len(anchors))
        if self.compressed:
            self.codes.pack(progress)
            power = self.codes.power(self._measure)
            if k <= LARGEST_K and power is not None:
                left = self._add_likely(best, anchors, k, scale, power)
            if len(left) <= _FEW and self.codes.finite:
                for query in left.tolist():
                    ranking = self.ranking(anchors[query : query + 1], progress)
                    places = ranking.best(k)
                    best.add(np.full(len(places), query), places, ranking.scores(places))
                left = left[:0]
        if len(left):
            kept = self._kept()
            report = progress if kept is None else no_progress
            blocks = score_blocks(self._measure, anchors[left], self.vectors, prepared=kept, progress=report)
            for rows, columns, scores in blocks:
                best.add_block(left[rows].to(self.vectors.device), columns, scores)
        return best.hits()

    def _add_likely(
        self, best: TopK, anchors: Float[Tensor, "q d"], k: int, scale: float, power: float
    ) -> Int[Tensor, " left"]:
        """Hand over the best by bounds on volumes; return the queries for which these are no help."""
        likely = self.codes.likely_best(anchors, k, by_base=self._measure.span_size == "volume", scale=scale)
        sure = [(query, *found) for query, found in enumerate(likely) if found is not None]
        first = self._score_pairs(anchors, [(query, items[: 2 * k]) for query, items, _ in sure])
        late = []
        for (query, items, lower), (_, _, scores) in zip(sure, first):
            last = -float(np.partition(scores, len(scores) - k)[len(scores) - k])
            enough = (last + tie_margin(last, scale)) ** (1 / power)
            late.append((query, items[2 * k :][lower[2 * k :] <= enough]))
        for found in (*first, *self._score_pairs(anchors, late)):
            best.add(*found)
        return torch.tensor([query for query, found in enumerate(likely) if found is None], dtype=torch.int64)

    def _score_pairs(
        self, anchors: Float[Tensor, "q d"], pairs: Sequence[tuple[int, np.ndarray]]
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return each query, items to be scored with it, and their scores."""
        if not pairs:
            return []
        sizes = [len(items) for _, items in pairs]
        queries = np.repeat([query for query, _ in pairs], sizes)
        items = np.concatenate([items for _, items in pairs]).astype(np.int64)
        scores = score_pairs(self._measure, anchors, self.vectors, torch.from_numpy(queries), torch.from_numpy(items))
        cuts = np.cumsum(sizes)[:-1]
        return list(zip(*(np.split(each, cuts) for each in (queries, items, scores.cpu().numpy()))))

    def ranking(self, query: Float[Tensor, "p d"], progress: Progress) -> Ranking:
        """Return the order of all items for a query's vectors, the anchor first; the last one is cached."""
        query = query.to(self.vectors.device, torch.float64)
        key = query.cpu().numpy().tobytes()
        last = self._last
        if last is None or last[0] != key:
            self._last = last = key, self._ranked(query, progress)
        return last[1]

    def _ranked(self, query: Float[Tensor, "p d"], progress: Progress) -> Ranking:
        scale = self._scale(query[:1], query[1:])
        if self.compressed:
            self.codes.pack(progress)
        if self.compressed and self.codes.finite and bool(query.isfinite().all()):

            def score(positions: np.ndarray) -> np.ndarray:
                columns = torch.from_numpy(positions.astype(np.int64))
                none = torch.zeros(len(columns), dtype=torch.int64)
                joined = list(query[1:])
                return score_pairs(self._measure, query, self.vectors, none, columns, joined=joined).cpu().numpy()

            low, high = self.codes.bounds(self._measure, query)
            refine = functools.partial(self.codes.refine, self._measure, query)
            return Ranking(low, high, scale, score, refine)
        blocks, kept = self._joined(query[1:]), self._prepared is not None
        report = no_progress if kept else progress
        scores = score_all(self._measure, query, self.vectors, prepared=blocks, progress=report)
        return Ranking(scores, scores, scale)

    def _joined(self, joined: Float[Tensor, "p d"]) -> Iterator[Block] | None:
        """Return the kept candidates with some vectors joined to each; None where they are to be prepared anew."""
        kept = self._kept()
        if kept is None or (len(joined) and not self._measure.can_join):
            return None
        join = self._measure.join
        return ((columns, functools.reduce(lambda to, each: join(each, to), joined, side)) for columns, side in kept)

    def _kept(self) -> list[Block] | None:
        """Return all candidates prepared, at the first call; None where they are too many to be kept."""
        size = 8 * len(self.vectors) * sum(each.shape[1] for each in self.vectors.vectors)
        if size > KEPT or not self._measure.supports(1 + len(self.vectors.vectors)):
            return None
        if self._prepared is None:
            self._prepared = list(self.vectors.prepare_blocks(self._measure))
        return self._prepared

    def _scale(self, anchors: Float[Tensor, "q d"], joined: Float[Tensor, "p d"]) -> float:
        """Return the `score_scale` of queries; queries of the same lengths have the same."""
        if self._sample is None:
            self._sample = self.vectors.take(
                torch.linspace(0, len(self.vectors) - 1, min(SCALE_SAMPLE, len(self.vectors))).long()
            )
        lengths = torch.linalg.vector_norm(torch.cat([joined, anchors[:SCALE_SAMPLE]]), dim=1).tolist()
        key = len(joined), len(anchors), *(float(f"{length:.6g}") for length in lengths)
        if key not in self._scales:
            sides = [*(vector.expand_as(self._sample[0]) for vector in joined), *self._sample]
            self._scales = {key: float(score_scale(self._measure, anchors, sides, self.vectors.device))}
        return self._scales[key]
