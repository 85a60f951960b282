"""Exact scores of the items of a collection: of all of them, or of the candidates that Milvus finds for a query."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.core.progress import Progress
from gram.measures import Measure
from gram.retrieval.milvus.collection import MOST, Collection, Layout
from gram.retrieval.scoring import Candidates, score_blocks, score_scale
from gram.retrieval.top_k import Ranking

_QUERIES = 32  # whose candidates are fetched together
_SCORES = 1 << 25  # held at once where every item is scored

ItemScores = tuple[list[str], Float[np.ndarray, " n"]]


class Scored(NamedTuple):
    """The scored items.

    Attributes:
        of_queries: for each query the ids, ascending, as tied items rank by id, and their ranking.
        items: how many items of the collection can be hits.
        exact: whether all of them were scored.
    """

    of_queries: list[tuple[list[str], Ranking]]
    items: int
    exact: bool


class CollectionScorer:
    """Scores of a collection's items by one measure, with the vectors of a joint query that join each item's own."""

    def __init__(self, collection: Collection, layout: Layout, measure: Measure, joined: Float[Tensor, "p d"]) -> None:
        self._collection, self._layout, self._measure, self._joined = collection, layout, measure, joined
        least = min(measure.min_candidates, len(layout.modalities))
        self._where = f"there >= {least}" if least > 1 else ""  # items that can be hits

    def score(self, anchors: Float[Tensor, "q d"], k: int, fetch: int, progress: Progress) -> Scored:
        """Return the items scored for each anchor; see `MilvusSearcher.search` for the arguments and errors."""
        size = len(self._layout.modalities) + len(self._joined)
        self._measure.check(size)
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        if fetch < k:
            raise ValueError(f"fetch: expected at least k = {k} candidates, got {fetch}")
        items = self._collection.count(self._where)
        if MOST < fetch < items:
            raise ValueError(
                f"fetch: Milvus gives up to {MOST:,} candidates at once, got {fetch:,}; "
                f"give fewer, or {items:,} to read them all"
            )
        units = torch.ones(64, 1, dtype=torch.float64)
        scale = float(score_scale(self._measure, units, [units] * size))
        exact = fetch >= items
        scored = self._score_all(anchors, items, progress) if exact else self._score_fetched(anchors, fetch)
        return Scored([(ids, Ranking(scores, scores, scale)) for ids, scores in scored], items, exact)

    def _score_all(self, anchors: Float[Tensor, "q d"], items: int, progress: Progress) -> list[ItemScores]:
        found = []
        blocks = anchors.split(max(1, _SCORES // max(1, items)))
        for number, block in enumerate(blocks):
            ids: list[str] = []
            scores = [np.empty((len(block), 0))]
            for some, vectors in self._collection.scan(self._layout, self._where):
                ids += some
                scores.append(self._scores(block, vectors))
                progress((number + min(1.0, len(ids) / items)) / len(blocks))
            order = sorted(range(len(ids)), key=ids.__getitem__)
            ids = [ids[place] for place in order]
            found += [(ids, each) for each in np.concatenate(scores, axis=1)[:, order]]
        return found

    def _score_fetched(self, anchors: Float[Tensor, "q d"], fetch: int) -> list[ItemScores]:
        hubs = self._collection.smallest_bases(fetch, self._where) if len(self._layout.modalities) > 1 else []
        shared = set(hubs).union(*self._nearest(self._joined.numpy(), fetch))
        found = []
        for block in anchors.split(_QUERIES):
            chosen = [near | shared for near in self._nearest(block.numpy(), fetch)]
            ids, vectors = self._collection.take(self._layout, sorted(set().union(*chosen)))
            for anchor, own in zip(block, chosen):
                places = [place for place, item in enumerate(ids) if item in own]
                found.append(([ids[place] for place in places], self._scores(anchor[None], vectors[places])[0]))
        return found

    def _nearest(self, queries: Float[np.ndarray, "q d"], fetch: int) -> list[set[str]]:
        """Return the ids of the nearest items to each query, in any modality."""
        near: list[set[str]] = [set() for _ in queries]
        if not near:
            return near
        signed = np.concatenate([queries, -queries]) if self._measure.sign_invariant else queries
        for name in self._layout.modalities:
            for number, ids in enumerate(self._collection.nearest(name, signed, fetch, self._where)):
                near[number % len(queries)].update(ids)
        return near

    def _scores(self, anchors: Float[Tensor, "q d"], vectors: Float[np.ndarray, "n m d"]) -> Float[np.ndarray, "q n"]:
        scores = np.empty((len(anchors), len(vectors)))
        candidates = Candidates(torch.from_numpy(vectors).unbind(dim=1))
        prepared = candidates.prepare_blocks(self._measure, list(self._joined))
        for rows, columns, block in score_blocks(self._measure, anchors, candidates, prepared=prepared):
            scores[rows, columns] = block.numpy()
        return scores
