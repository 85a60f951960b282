"""Exact top-k search of an embedding set by any measure, in blocks."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.compressed.spans import LARGEST_K, CompressedSpans, supported
from gram.retrieval.ranks import rank_true_items
from gram.retrieval.task import check_candidates, rows_with_candidates

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
COMPRESSED_FROM = 100_000  # items: fewer are searched in less time than compressing them takes
_QUERY_BLOCK = 256
_MOST_ITEMS, _FEWEST_ITEMS = 2048, 128  # at a time
_CACHED = 1 << 20  # numbers of a block's vectors, and as many in float64 of their spans
_NO_HIT = torch.iinfo(torch.int64).min  # below the key of any score
_LAST = 0xFFFFFFFF  # an index is kept in 32 bits, turned round so that the lower one is the larger key

Array = TypeVar("Array", Tensor, np.ndarray)


class Hits(NamedTuple):
    """The best items for each of q queries, best first, as the kind of array the queries were.

    Attributes:
        indices: (q, k) rows of the set.
        scores: (q, k) their scores in float32; higher = better aligned.
    """

    indices: Tensor | np.ndarray
    scores: Tensor | np.ndarray


class Index:
    """Every item of a set that has at least one of the candidate modalities, ready to be ranked for queries.

    The search is exact: every item is scored, in blocks, and only the best k so far are kept. Memory beyond
    the vectors themselves is that of one block of pairs, whatever the number of items and queries. Scores
    are computed in float32 from the vectors as they are stored here; equal scores rank by row, the lower
    first, so the same search on the same machine gives the same hits. Float16 storage rounds each
    coordinate by at most 2^-11 of itself, bfloat16 by 2^-8: hits are those of the rounded vectors.

    Many items are compressed at the first search by `volume`, `height` or `normalized-volume`, on a processor with
    AVX-512 VNNI or AVX2: a byte a coordinate and 12 an item, so a quarter of the memory of float32 on top. A search
    then reads those, bounds every item's score from both sides, and scores in float64 the few that may be among the
    best. Hits are as exact: an item is left out only where its bound proves that k others are better. Where bounds
    prove too little, and for k above 1,000, every item is scored as above.

    A modality that an item lacks (a row of NaN) is left out of that item's score; an item that lacks all of
    the candidates is never a hit, nor one that lacks any where the measure needs all (`triangle`).

    Attributes:
        candidates: names of the modalities that make a candidate.
        measure: name of the measure.
        rows: rows of the set that can be hits, ascending.
    """

    def __init__(
        self,
        embedding_set: EmbeddingSet,
        candidates: Sequence[str],
        measure: str = "volume",
        *,
        dtype: torch.dtype | None = None,
        device: str | torch.device = "auto",
        block: int | None = None,
        compressed: bool | None = None,
    ) -> None:
        """Take the candidates' vectors to the device, in the storage type.

        Args:
            embedding_set: the gallery; vectors are used as given, not normalised.
            candidates: names of one modality or more.
            measure: one of `gram.measures.names()`.
            dtype: storage type, float16, bfloat16 or float32; None keeps what the set has, uncopied on the
                CPU.
            device: "cpu", "cuda", or "auto" for cuda where there is one.
            block: items scored at a time; None for as many as a processor's cache holds, 2,048 at most.
            compressed: whether to search compressed items where that can be done; None for 100,000 or more.

        Raises:
            ValueError: unknown measure, modality, dtype or device, a candidate named twice or none, a number of
                them that the measure is not defined for, a block below 1, or vectors too long for float16.
            EmbeddingSetError: no item has any of the candidates, or all where the measure needs all.
        """
        self.measure = measures.get(measure).name
        self.candidates = check_candidates(embedding_set, candidates, measure=measure)
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"dtype: expected float16, bfloat16, float32 or None, got {dtype}")
        if block is not None and block < 1:
            raise ValueError(f"block: expected at least 1 item at a time, got {block}")
        self.device = select_device(device)
        self.rows = rows_with_candidates(embedding_set, self.candidates, at_least=measures.get(measure).min_candidates)
        self._block = block or self._fitting_block(embedding_set.d)
        self._compress = len(self.rows) >= COMPRESSED_FROM if compressed is None else compressed
        self._compressed: CompressedSpans | None = None
        self._d = embedding_set.d
        self._stored = [_store(embedding_set.modalities[name], name, dtype, self.device) for name in self.candidates]

    def __len__(self) -> int:
        """Return how many items can be hits."""
        return len(self.rows)

    def _fitting_block(self, d: int) -> int:
        if self.device.type != "cpu":
            return _MOST_ITEMS
        return min(_MOST_ITEMS, max(_FEWEST_ITEMS, _CACHED // (len(self.candidates) * d)))

    def search(self, queries: Array, k: int = 10) -> Hits:
        """Return the k best items for each query.

        Args:
            queries: (q, d) anchors, or (d,) for one, which gives hits of shape (1, k); torch or numpy.
            k: how many; all items if there are fewer.

        Raises:
            ValueError: queries of another shape or with values that are not finite, k below 1.
        """
        anchors = self._queries(queries)
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        k = min(k, len(self))
        spans = self._spans() if k <= LARGEST_K else None
        if spans is None:
            indices, scores = self._best_of_all(anchors, k)
        else:
            best = spans.best(anchors, k)
            indices, scores = self.rows[best.items], best.scores.float()
            if not best.certain.all():
                indices[~best.certain], scores[~best.certain] = self._best_of_all(anchors[~best.certain], k)
        return Hits(indices.numpy(), scores.numpy()) if isinstance(queries, np.ndarray) else Hits(indices, scores)

    def _best_of_all(self, anchors: Float[Tensor, "q d"], k: int) -> tuple[Int[Tensor, "q k"], Float[Tensor, "q k"]]:
        """Return rows and scores of the best, with every item scored."""
        best = torch.full((len(anchors), k), _NO_HIT, device=self.device)
        measure = measures.get(self.measure)
        for start in range(0, len(self), self._block):
            rows = self.rows[start : start + self._block].to(self.device)
            prepared = measure.prepare(*(stored[rows].float() for stored in self._stored))
            for asked in range(0, len(anchors), _QUERY_BLOCK):
                queried = slice(asked, asked + _QUERY_BLOCK)
                keys = _keys(measure.scores(anchors[queried], prepared), rows)
                best[queried] = torch.cat([best[queried], keys], dim=1).topk(k, dim=1).values
        return _taken_apart(best)

    def _spans(self) -> CompressedSpans | None:
        """Return the compressed items, made at the first call; None where they are not to be, or are no help."""
        if not self._compress:
            return None
        if self._compressed is None:
            if self.device.type != "cpu" or not supported(self.measure, self._d):
                self._compress = False
                return None
            spans = CompressedSpans(self.measure, len(self), self._vectors)
            if not spans.ranked:
                self._compress = False
                return None
            self._compressed = spans
        return self._compressed

    def _vectors(self, places: Int[Tensor, " b"]) -> list[Float[Tensor, "b d"]]:
        rows = self.rows[places]
        return [stored[rows].float() for stored in self._stored]

    def score(self, queries: Array, row: int) -> Array:
        """Return the scores (q,) of queries with the item at `row` of the set, as `search` computes them.

        Raises:
            ValueError: queries as in `search`; a row outside the set, or of an item without any of the
                candidates.
        """
        anchors = self._queries(queries)
        rows = self._known(torch.tensor([row]))
        measure = measures.get(self.measure)
        prepared = measure.prepare(*(stored[rows.to(self.device)].float() for stored in self._stored))
        scores = measure.scores(anchors, prepared)[:, 0].cpu()
        return scores.numpy() if isinstance(queries, np.ndarray) else scores

    def ranks(self, queries: Array, true_indices: Int[Tensor, " q"] | np.ndarray | Sequence[int]) -> Array:
        """Return the place (q,) of each query's true item among all, 1 for the best, counted without ranking.

        Equal scores count as the average of the tied places. Scores are compared in float64, so that ties
        are those of the vectors and not of rounding.

        Args:
            queries: as in `search`.
            true_indices: a row of the set for each query.

        Raises:
            ValueError: queries as in `search`; another number of rows, a row outside the set, or of an item
                without any of the candidates.
        """
        anchors = self._queries(queries)
        rows = self._known(torch.as_tensor(np.asarray(true_indices)).reshape(-1))
        if len(rows) != len(anchors):
            raise ValueError(f"true_indices: expected one for each of {len(anchors)} queries, got {len(rows)}")
        others = (
            self._stored if len(self) == len(self._stored[0]) else [s[self.rows.to(self.device)] for s in self._stored]
        )
        true = torch.searchsorted(self.rows, rows)
        ranks = rank_true_items(self.measure, anchors, others, true, device=self.device).ranks()
        return ranks.numpy() if isinstance(queries, np.ndarray) else ranks

    def _queries(self, queries: Tensor | np.ndarray) -> Float[Tensor, "q d"]:
        anchors = torch.as_tensor(np.array(queries) if isinstance(queries, np.ndarray) else queries)
        anchors = anchors[None] if anchors.ndim == 1 else anchors
        if anchors.ndim != 2 or anchors.shape[1] != self._d or not anchors.is_floating_point():
            raise ValueError(
                f"queries: expected floating numbers of shape (q, {self._d}) or ({self._d},), "
                f"got {anchors.dtype} of shape {tuple(queries.shape)}"
            )
        anchors = anchors.detach().to(self.device, torch.float32)
        finite = anchors.isfinite().all(1)
        if not finite.all():
            raise ValueError(
                f"queries: row {int((~finite).nonzero()[0])} has values that are not finite; "
                "leave out queries whose modality is missing"
            )
        return anchors

    def _known(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
        known = torch.isin(rows, self.rows)
        if not known.all():
            row = int(rows[~known][0])
            lacking = " and " if measures.get(self.measure).min_candidates == 1 else " or "
            raise ValueError(
                f"row {row} is not in the index: it is outside the set, "
                f"or its item lacks {lacking.join(self.candidates)}"
            )
        return rows


def _store(vectors: Float[Tensor, "n d"], name: str, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    stored = vectors.to(device=device, dtype=dtype)
    if dtype == torch.float16 and stored.isinf().any():
        row = int(stored.isinf().any(1).nonzero()[0])
        raise ValueError(f"dtype: row {row} of '{name}' is too long for float16; normalise the set or use bfloat16")
    return stored


def _keys(scores: Float[Tensor, "q b"], rows: Int[Tensor, " b"]) -> Int[Tensor, "q b"]:
    """Return integers that sort as (score, lower row first): no two are equal, so no order is left to chance.

    The bits of a positive float sort as an integer; those of a negative one do once turned round.
    """
    bits = (scores.float() + 0.0).nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf).view(torch.int32)
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()
    return (ordered << 32) | (_LAST - rows)


def _taken_apart(keys: Int[Tensor, "q k"]) -> tuple[Int[Tensor, "q k"], Float[Tensor, "q k"]]:
    ordered = (keys >> 32).int()
    scores = torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).view(torch.float32).cpu()
    return (_LAST - (keys & _LAST)).cpu(), scores
