"""Search of an embedding set: prepared once, asked many times.

searcher = gram.Searcher(gallery, candidates=["image", "speech"], measure="volume")
hits = searcher.search(queries, k=10)  # vectors (q, d): hits.indices, hits.scores
answer = searcher.search(Query("text", id="4721"))  # an `Answer`: hits taken apart, and where the true item ranks
"""

import functools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gram import measures
from gram.core.device import select_device
from gram.core.progress import Progress, no_progress, subprogress
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.answer import Answer, take_apart
from gram.retrieval.compressed.codes import LARGEST_K, SpanCodes, supports
from gram.retrieval.query import AnyQuery, Encoder, Query, candidates_for, embed
from gram.retrieval.ranking import BestHits, Ranking
from gram.retrieval.ranks import rank_true_items
from gram.retrieval.scoring import (
    SCALE_SAMPLE,
    Block,
    Candidates,
    score_all,
    score_blocks,
    score_pairs,
    score_scale,
    tie_margin,
)
from gram.retrieval.task import check_candidates, rows_with_candidates

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
COMPRESSED_FROM = 100_000  # items: fewer are searched in less time than compressing them takes
KEPT = 2**29  # bytes of prepared candidates that are kept: 170,000 of 3 vectors of 128
_FEW = 16  # queries that are answered one by one where their bounds have to be worked out for all candidates

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
        model: what embeds a query that is not an item of the gallery.
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
            model: what embeds a query that is not an item of the gallery.
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
        self._vectors: Candidates
        self._codes: SpanCodes
        if share_with is not None and share_with.gallery is gallery and share_with._settings == self._settings:
            self._vectors, self._codes = share_with._vectors, share_with._codes
        else:
            stored = [_store(gallery.modalities[name], name, dtype, self.device) for name in self.candidates]
            some = None if len(self.rows) == len(gallery) else self.rows
            self._vectors = Candidates(stored, some, device=self.device, normalize=normalize)
            self._codes = SpanCodes(self._vectors)
        wanted = len(self) >= COMPRESSED_FROM if compressed is None else compressed
        self._compressed = wanted and supports(self._measure, self._vectors)
        self._prepared: list[Block] | None = None
        self._sample: list[Tensor] | None = None
        self._scales: dict[tuple[float, ...], float] = {}
        self._last: tuple[bytes, Ranking] | None = None

    def __len__(self) -> int:
        """Return how many items can be hits."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return what is searched, in one line."""
        return f"Searcher({self.gallery!r}, {' + '.join(self.candidates)} by {self.measure})"

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
        query = Query("text", query) if isinstance(query, str) else query
        return self._answer(query, self._find(query, k, progress), k, ())[0]

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
        return self._ranks(self._ranking(torch.atleast_2d(embeddings), no_progress), ids)

    def _search_vectors(self, queries: Tensor | np.ndarray, k: int, progress: Progress) -> Hits:
        anchors = self._anchors(queries)
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        self._measure.check(len(self.candidates))
        k = min(k, len(self))
        scale = self._scale(anchors, anchors[:0]) if len(anchors) else 1.0
        best = BestHits(len(anchors), k, scale, self.device)
        left = torch.arange(len(anchors))
        if self._compressed and len(anchors):
            self._codes.pack(progress)
            power = self._codes.power(self._measure)
            if k <= LARGEST_K and power is not None:
                left = self._add_likely(best, anchors, k, scale, power)
            if len(left) <= _FEW and self._codes.finite:
                for query in left.tolist():
                    ranking = self._ranking(anchors[query : query + 1], progress)
                    places = ranking.best(k)
                    best.add(np.full(len(places), query), places, ranking.scores(places))
                left = left[:0]
        if len(left):
            kept = self._kept()
            tell = progress if kept is None else no_progress
            blocks = score_blocks(self._measure, anchors[left], self._vectors, prepared=kept, progress=tell)
            for rows, columns, scores in blocks:
                best.add_block(left[rows].to(self.device), columns, scores)
        positions, values = best.hits()
        indices = self.rows.numpy()[positions]
        if isinstance(queries, np.ndarray):
            return Hits(indices, values)
        return Hits(torch.from_numpy(indices), torch.from_numpy(values))

    def _add_likely(
        self, best: BestHits, anchors: Float[Tensor, "q d"], k: int, scale: float, power: float
    ) -> Int[Tensor, " left"]:
        """Hand over the best by bounds on volumes; return the queries for which these are no help."""
        likely = self._codes.likely_best(anchors, k, by_base=self._measure.span_size == "volume", scale=scale)
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
        scores = score_pairs(self._measure, anchors, self._vectors, torch.from_numpy(queries), torch.from_numpy(items))
        cuts = np.cumsum(sizes)[:-1]
        return list(zip(*(np.split(each, cuts) for each in (queries, items, scores.cpu().numpy()))))

    def _ranking(self, query: Float[Tensor, "p d"], progress: Progress) -> Ranking:
        """Return the order of all items for a query's vectors, the anchor first; kept for the next time it is asked."""
        query = query.to(self.device, torch.float64)
        key = query.cpu().numpy().tobytes()
        last = self._last
        if last is None or last[0] != key:
            self._last = last = key, self._ranked(query, progress)
        return last[1]

    def _ranked(self, query: Float[Tensor, "p d"], progress: Progress) -> Ranking:
        scale = self._scale(query[:1], query[1:])
        if self._compressed:
            self._codes.pack(progress)
        if self._compressed and self._codes.finite and bool(query.isfinite().all()):

            def score(positions: np.ndarray) -> np.ndarray:
                columns = torch.from_numpy(positions.astype(np.int64))
                none = torch.zeros(len(columns), dtype=torch.int64)
                joined = list(query[1:])
                return score_pairs(self._measure, query, self._vectors, none, columns, joined=joined).cpu().numpy()

            low, high = self._codes.bounds(self._measure, query)
            refine = functools.partial(self._codes.refine, self._measure, query)
            return Ranking(low, high, scale, score, refine)
        blocks, kept = self._joined(query[1:]), self._prepared is not None
        tell = no_progress if kept else progress
        scores = score_all(self._measure, query, self._vectors, prepared=blocks, progress=tell)
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
        size = 8 * len(self) * len(self.candidates) * self.gallery.d
        if size > KEPT or not self._measure.supports(1 + len(self.candidates)):
            return None
        if self._prepared is None:
            self._prepared = list(self._vectors.prepare_blocks(self._measure))
        return self._prepared

    def _scale(self, anchors: Float[Tensor, "q d"], joined: Float[Tensor, "p d"]) -> float:
        """Return the `score_scale` of queries; queries of the same lengths have the same."""
        if self._sample is None:
            self._sample = self._vectors.take(torch.linspace(0, len(self) - 1, min(SCALE_SAMPLE, len(self))).long())
        lengths = [
            len(anchors),
            *(torch.linalg.vector_norm(each).item() for each in (*anchors[:SCALE_SAMPLE], *joined)),
        ]
        key = tuple(float(f"{length:.6g}") for length in lengths)
        if key not in self._scales:
            sides = [*(vector.expand_as(self._sample[0]) for vector in joined), *self._sample]
            self._scales = {key: float(score_scale(self._measure, anchors, sides, self.device))}
        return self._scales[key]

    def _anchors(self, queries: Tensor | np.ndarray) -> Float[Tensor, "q d"]:
        anchors = torch.as_tensor(np.array(queries) if isinstance(queries, np.ndarray) else queries)
        anchors = anchors[None] if anchors.ndim == 1 else anchors
        d = self.gallery.d
        if anchors.ndim != 2 or anchors.shape[1] != d or not anchors.is_floating_point():
            raise ValueError(
                f"queries: expected floating numbers of shape (q, {d}) or ({d},), "
                f"got {anchors.dtype} of shape {tuple(queries.shape)}"
            )
        anchors = anchors.detach().to(self.device, torch.float64)
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

    def _find(self, query: AnyQuery, k: int, progress: Progress) -> "_Found":
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        started = time.perf_counter()
        vectors = embed(
            query, gallery=self.gallery, candidates=self.candidates, model=self.model, normalize=self._vectors.normalize
        )
        encoded = time.perf_counter()
        ranking = self._ranking(torch.stack([vector.cpu().double() for vector in vectors.values()]), progress)
        places = ranking.best(k).tolist()
        true = self._place_of(query.id)
        if true is not None and true not in places:
            places.append(true)
        rows = self.rows[places].tolist()
        ids = self.gallery.items["id"].iloc[rows].astype(str).tolist()
        asked = any(part.content is not None for part in query.parts)
        seconds = encoded - started if asked else 0.0, time.perf_counter() - encoded
        return _Found(vectors, ranking, np.array(places), rows, ids, *seconds)

    def _answer(
        self, query: AnyQuery, found: "_Found", k: int, listed: Iterable[str]
    ) -> tuple[Answer, dict[str, float]]:
        """Return the answer, and the ranks of the items that are listed, of those that can be hits."""
        started = time.perf_counter()
        ranks = self._ranks(found.ranking, dict.fromkeys((*listed, *([] if query.id is None else [query.id]))))
        column = "label" if "label" in self.gallery.items else "id"
        hits = take_apart(
            list(found.vectors.values()),
            dict(zip(self.candidates, self._vectors.take(torch.from_numpy(found.places)))),
            rows=found.rows,
            ids=found.ids,
            labels=self.gallery.items[column].iloc[found.rows].astype(str).tolist(),
            scores=found.ranking.scores(found.places).tolist(),
            ranks=list(range(1, len(found.rows) + 1)),
            true=query.id,
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


class _Found(NamedTuple):
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
    """Return what a gallery answers to one query; `Searcher` answers many without preparing anew.

    Args:
        query: a `Query`, a `JointQuery`, or words that the model embeds as text.
        gallery: the items that are ranked.
        model: what embeds a query that is not an item of the gallery.
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
    query = Query("text", query) if isinstance(query, str) else query
    if candidates is None:
        candidates = candidates_for(query.modalities, list(gallery.modalities), gallery=gallery)
    return Searcher(gallery, candidates, measure, model=model).search(query, k)


@dataclass(frozen=True)
class Comparison:
    """Two answers to one query, side by side.

    Attributes:
        left: one searcher's answer.
        right: the other's.
        ranks: for the id of every item listed in either answer, its rank (left, right).
    """

    left: Answer
    right: Answer
    ranks: Mapping[str, tuple[float, float]]


def compare(
    query: AnyQuery, left: Searcher, right: Searcher, *, k: int = 10, progress: Progress = no_progress
) -> Comparison:
    """Return two searchers' answers to one query and where each one's hits rank in the other.

    Args:
        query: what is asked.
        left: one searcher.
        right: another.
        k: how many items each lists.
        progress: called with the share done, where a gallery is read as a whole.

    Raises:
        ValueError: see `Searcher.search`.
    """
    found = [
        searcher._find(query, k, subprogress(progress, side / 2, (side + 1) / 2))
        for side, searcher in enumerate((left, right))
    ]
    listed = dict.fromkeys((*found[0].ids, *found[1].ids))
    (first, ranks), (second, other) = (
        searcher._answer(query, each, k, listed) for searcher, each in zip((left, right), found)
    )
    return Comparison(first, second, {item: (rank, other[item]) for item, rank in ranks.items() if item in other})


def disagreements(left: Mapping[str, float], right: Mapping[str, float], *, within: int = 1) -> list[str]:
    """Return the ids that one ranking puts first and the other does not, furthest apart first.

    Args:
        left: rank by id; ids that the other lacks are left out.
        right: likewise.
        within: how far down in the other still counts as found: 10 asks for those below its ten best.
    """
    ranks = {item: sorted((rank, right[item])) for item, rank in left.items() if item in right}
    apart = {item: last for item, (first, last) in ranks.items() if first <= 1 and last > within}
    return sorted(apart, key=lambda item: -apart[item])


def _store(vectors: Float[Tensor, "n d"], name: str, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    stored = vectors.to(device=device, dtype=dtype)
    if dtype == torch.float16 and stored.isinf().any():
        row = int(stored.isinf().any(1).nonzero()[0])
        raise ValueError(f"dtype: row {row} of '{name}' is too long for float16; normalise the set or use bfloat16")
    return stored
