"""Exact search of an embedding set, prepared once for many queries.

searcher = gram.Searcher(gallery, candidates=["image", "speech"], measure="volume")
hits = searcher.search(queries, k=10)  # vectors (q, d): hits.indices, hits.scores
answer = searcher.search(Query("text", id="4721"))  # an `Answer`: hits taken apart, and where the true item ranks
"""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.device import select_device
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.answer import Answer, take_apart
from gram.retrieval.compressed.codes import SpanCodes
from gram.retrieval.engine import Engine
from gram.retrieval.query import AnyQuery, Encoder, as_anchors, as_query, candidates_for, embed
from gram.retrieval.ranks import rank_true_items
from gram.retrieval.scoring import Candidates, score_pairs
from gram.retrieval.task import check_candidates, rows_with_candidates
from gram.retrieval.top_k import Ranking

DTYPES = (torch.float16, torch.bfloat16, torch.float32)

Array = TypeVar("Array", Tensor, np.ndarray)


class Hits(NamedTuple):
    """The best items for each of q queries, best first, as the kind of array the queries were.

    Attributes:
        indices: (q, k) rows of the set.
        scores: (q, k) their scores in float32; higher = better aligned. Equal scores rank by row, the lower first.
    """

    indices: Tensor | np.ndarray
    scores: Tensor | np.ndarray


class Searcher:
    """Exact search of every item of a set that has at least one of the candidate modalities.

    Scores are those of `gram.measures` in float64, of the vectors as they are stored; scores that differ by no more
    than rounding explains tie, and ties rank by row. Memory beyond the vectors is that of one block of pairs and of up
    to 512 MB of prepared candidates.

    100,000 items or more are compressed at the first search, on a processor with AVX-512 VNNI or AVX2, for measures
    with bounds (see `gram.retrieval.compressed`): to a byte a coordinate, half of what float16 takes. A search then
    reads the bytes, bounds every item's score from both sides, and scores in float64 what the bounds leave open. Hits
    and ranks are as exact.

    A modality that an item lacks (a row of NaN) is left out of that item's score; an item that lacks all of the
    candidates is never a hit, nor one that lacks any where the measure needs all (`triangle`).

    Attributes:
        gallery: the set.
        candidates: names of the modalities that make a candidate.
        measure: name of the measure.
        model: what embeds the content of queries.
        rows: rows of the set that can be hits, ascending.
        device: where the search runs.
    """

    def __init__(
        self,
        gallery: EmbeddingSet,
        candidates: Sequence[str] | None = None,
        measure: str = "volume",
        *,
        model: Encoder | None = None,
        device: str | torch.device = "auto",
        dtype: torch.dtype | None = None,
        normalize: bool = False,
        compressed: bool | None = None,
        share_with: "Searcher | None" = None,
    ) -> None:
        """Check the arguments; vectors are read by the first search.

        Args:
            gallery: the items that are ranked.
            candidates: modalities that each item is judged by; every modality but the anchor if None.
            measure: one of `gram.measures.names()`.
            model: what embeds the content of queries.
            device: "cpu", "cuda", or "auto" for cuda where there is one.
            dtype: what vectors are stored as: float16, bfloat16 or float32; None for as the set has them, not copied
                on the CPU.
            normalize: scale the gallery's vectors to length one as they are read; for a set that stays on disk.
            compressed: whether to search compressed items where that can be done; None for 100,000 or more.
            share_with: a searcher of the same gallery and candidates by another measure; both use one compressed copy.

        Raises:
            ValueError: unknown measure, modality, dtype or device, no candidate or one named twice, more of them than
                the measure is defined for, or vectors too long for float16.
            EmbeddingSetError: no item has any of the candidates, or all where the measure needs all.
        """
        self._measure = measures.get(measure)
        self.gallery, self.model, self.measure = gallery, model, self._measure.name
        if candidates is None:
            candidates = candidates_for(gallery.anchor, list(gallery.modalities), gallery=gallery)
        self.candidates = check_candidates(gallery, candidates)
        if dtype is not None and dtype not in DTYPES:
            raise ValueError(f"dtype: expected float16, bfloat16, float32 or None, got {dtype}")
        self.device = select_device(device)
        m, k = len(self.candidates), len(gallery.names)
        if not any(self._measure.supports(m + parts) for parts in range(1, max(1, k - m) + 1)):  # joint queries too
            self._measure.check(m)
        least = min(self._measure.min_candidates, m)
        self.rows: Int[Tensor, " n"] = rows_with_candidates(gallery, self.candidates, at_least=least)
        self._settings: tuple[object, ...] = self.candidates, dtype, normalize, self.device, len(self.rows)
        if share_with is not None and share_with.gallery is gallery and share_with._settings == self._settings:
            codes: SpanCodes = share_with._engine.codes
        else:
            stored = [_store(gallery.modalities[name], name, dtype, self.device) for name in self.candidates]
            some = None if len(self.rows) == len(gallery) else self.rows
            codes = SpanCodes(Candidates(stored, some, device=self.device, normalize=normalize))
        self._vectors = codes.candidates
        self._engine: Engine = Engine(self._measure, codes, compressed)

    def __len__(self) -> int:
        """Return how many items can be hits."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return what is searched, in one line."""
        return f"Searcher({self.gallery!r}, {' + '.join(self.candidates)} by {self.measure})"

    def prepare(self, progress: Progress = no_progress) -> None:
        """Read the gallery now, not at the first search.

        Args:
            progress: called with the share done where the gallery is compressed.
        """
        self._engine.prepare(progress)

    @overload
    def search(self, query: AnyQuery | str, k: int = 10, *, progress: Progress = no_progress) -> Answer: ...

    @overload
    def search(self, query: Tensor | np.ndarray, k: int = 10, *, progress: Progress = no_progress) -> Hits: ...

    def search(
        self, query: AnyQuery | str | Tensor | np.ndarray, k: int = 10, *, progress: Progress = no_progress
    ) -> Answer | Hits:
        """Return the k best items: an `Answer` to one query, or the `Hits` of many vectors.

        Args:
            query: a `Query`, a `JointQuery` or words, which the model embeds as text; or anchors (q, d), or (d,) for
                one, which gives hits of shape (1, k), torch or numpy.
            k: how many; all items if there are fewer.
            progress: called with the share done where the gallery is read as a whole.

        Raises:
            ValueError: k below 1; vectors of another shape or with values that are not finite, or candidates that the
                measure is not defined for. Of a query: a modality that is one of the candidates or unknown; an item
                that is not in the gallery or lacks that modality; neither content nor item; content and no model, or
                a model of another width than the gallery.
        """
        if isinstance(query, Tensor | np.ndarray):
            return self._search_vectors(query, k, progress)
        query = as_query(query)
        return self.answer(query, self.find(query, k, progress), k, ())[0]

    def score(self, queries: Array, row: int) -> Array:
        """Return the scores (q,) of queries with the item at `row` of the set, in float32.

        Raises:
            ValueError: queries as in `search`; a row outside the set, or of an item without any of the candidates.
        """
        anchors = self._anchors(queries)
        columns = self._positions(torch.tensor([row])).expand(len(anchors))
        scores = score_pairs(self._measure, anchors, self._vectors, torch.arange(len(anchors)), columns).float().cpu()
        return scores.numpy() if isinstance(queries, np.ndarray) else scores

    def ranks(self, queries: Array, true_indices: Int[Tensor, " q"] | np.ndarray | Sequence[int]) -> Array:
        """Return the rank (q,) of each query's true item among all, 1 for the best; the average of tied ranks.

        Args:
            queries: as in `search`.
            true_indices: a row of the set for each query.

        Raises:
            ValueError: queries as in `search`; another number of rows, a row outside the set, or of an item without
                any of the candidates.
        """
        anchors = self._anchors(queries)
        true = self._positions(torch.as_tensor(np.asarray(true_indices)).reshape(-1))
        if len(true) != len(anchors):
            raise ValueError(f"true_indices: expected one for each of {len(anchors)} queries, got {len(true)}")
        ranks = rank_true_items(self._measure, anchors, self._vectors, true).ranks()
        return ranks.numpy() if isinstance(queries, np.ndarray) else ranks

    def ranks_of(self, embeddings: Float[Tensor, "*parts d"], ids: Sequence[str]) -> dict[str, float]:
        """Return where items rank for a query's embedding; ids that cannot be hits are left out.

        Args:
            embeddings: (d,), or (parts, d) of a joint query with the anchor part first.
            ids: the items.
        """
        return self._ranks(self._engine.ranking(torch.atleast_2d(embeddings), no_progress), ids)

    def _search_vectors(self, queries: Tensor | np.ndarray, k: int, progress: Progress) -> Hits:
        anchors = self._anchors(queries)
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        self._measure.check(len(self.candidates))
        positions, scores = self._engine.hits(anchors, min(k, len(self)), progress)
        indices = self.rows.numpy()[positions]
        if isinstance(queries, np.ndarray):
            return Hits(indices, scores)
        return Hits(torch.from_numpy(indices), torch.from_numpy(scores))

    def _anchors(self, queries: Tensor | np.ndarray) -> Float[Tensor, "q d"]:
        anchors = as_anchors(queries, self.gallery.d).to(self.device)
        finite = anchors.isfinite().all(1)
        if not finite.all():
            raise ValueError(
                f"queries: row {int((~finite).nonzero()[0])} has values that are not finite; "
                "leave out queries whose modality is missing"
            )
        return anchors

    def _positions(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
        """Return the places of rows of the set among those that can be hits."""
        known = torch.isin(rows, self.rows)
        if not known.all():
            row = int(rows[~known][0])
            lacking = " and " if self._measure.min_candidates == 1 else " or "
            raise ValueError(
                f"row {row} is not in the index: it is outside the set, "
                f"or its item lacks {lacking.join(self.candidates)}"
            )
        return torch.searchsorted(self.rows, rows)

    def _ranks(self, ranking: Ranking, ids: Iterable[str]) -> dict[str, float]:
        places = {item: place for item in ids if (place := self._place_of(item)) is not None}
        ranks = ranking.ranks(np.fromiter(places.values(), dtype=np.int64, count=len(places)))
        return dict(zip(places, ranks.tolist()))

    def _place_of(self, item: str | None) -> int | None:
        """Return the place of an item among those that can be hits; None where it is none of them."""
        row = None if item is None else self.gallery.find(item)
        if row is None:
            return None
        place = int(torch.searchsorted(self.rows, row))
        return place if place < len(self) and int(self.rows[place]) == row else None

    def find(self, query: AnyQuery, k: int, progress: Progress) -> "Found":
        """Return the k best items and the true item, not yet taken apart, for `search` and `compare`."""
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        started = time.perf_counter()
        vectors = embed(
            query, gallery=self.gallery, candidates=self.candidates, model=self.model, normalize=self._vectors.normalize
        )
        encoded = time.perf_counter()
        ranking = self._engine.ranking(torch.stack([vector.cpu().double() for vector in vectors.values()]), progress)
        places = ranking.best(k).tolist()
        true = self._place_of(query.id)
        if true is not None and true not in places:
            places.append(true)
        rows = self.rows[places].tolist()
        ids = self.gallery.items["id"].iloc[rows].astype(str).tolist()
        has_content = any(part.content is not None for part in query.parts)
        seconds = encoded - started if has_content else 0.0, time.perf_counter() - encoded
        return Found(vectors, ranking, np.array(places), rows, ids, *seconds)

    def answer(self, query: AnyQuery, found: "Found", k: int, listed: Iterable[str]) -> tuple[Answer, dict[str, float]]:
        """Return the answer, and the ranks of the items that are listed, of those that can be hits."""
        started = time.perf_counter()
        ranks = self._ranks(found.ranking, dict.fromkeys((*listed, *([] if query.id is None else [query.id]))))
        column = "label" if "label" in self.gallery.items else "id"
        labels = self.gallery.items[column].iloc[found.rows].astype(str)
        hits = take_apart(
            list(found.vectors.values()),
            dict(zip(self.candidates, self._vectors.take(torch.from_numpy(found.places)))),
            list(zip(itertools.count(1), found.rows, found.ids, labels, found.ranking.scores(found.places).tolist())),
            query.id,
        )
        answer = Answer(
            query=query,
            measure=self.measure,
            candidates=self.candidates,
            size=len(self),
            hits=tuple(hits[:k]),
            true=next((replace(hit, rank=ranks[hit.id]) for hit in hits if hit.correct), None),
            embeddings=found.vectors,
            encode_seconds=found.encode_seconds,
            search_seconds=found.search_seconds + time.perf_counter() - started,
        )
        return answer, ranks


Index = Searcher  # its second name


class Found(NamedTuple):
    """The k best items for a query, and the true item behind them."""

    vectors: dict[str, Float[Tensor, " d"]]
    ranking: Ranking
    places: Int[np.ndarray, " m"]
    rows: list[int]
    ids: list[str]
    encode_seconds: float
    search_seconds: float


def ask(
    query: AnyQuery | str,
    *,
    gallery: EmbeddingSet,
    model: Encoder | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    k: int = 10,
) -> Answer:
    """Return the answer of a gallery to one query; `Searcher` prepares once for many.

    Args:
        query: a `Query`, a `JointQuery`, or words that the model embeds as text.
        gallery: the items that are ranked.
        model: what embeds the content of queries.
        candidates: modalities that each item is judged by; every modality but the query's if None.
        measure: a name from `gram.measures.names()`.
        k: how many hits to list.

    Raises:
        ValueError: see `Searcher` and `Searcher.search`.

    Example:
        >>> gallery = gram.EmbeddingSet.load("assets/numbers/gram/test")  # doctest: +SKIP
        >>> ask(Query("speech", id="4721"), gallery=gallery).true.rank  # doctest: +SKIP
        1.0
    """
    query = as_query(query)
    if candidates is None:
        candidates = candidates_for(query.modalities, list(gallery.modalities), gallery=gallery)
    return Searcher(gallery, candidates, measure, model=model).search(query, k)


def _store(vectors: Float[Tensor, "n d"], name: str, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    stored = vectors.to(device=device, dtype=dtype)
    if dtype == torch.float16 and stored.isinf().any():
        row = int(stored.isinf().any(1).nonzero()[0])
        raise ValueError(f"dtype: row {row} of '{name}' is too long for float16; normalise the set or use bfloat16")
    return stored
