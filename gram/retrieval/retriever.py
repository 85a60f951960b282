"""Ask a gallery: one query in, ranked items out, each with what its score is made of.

gallery = gram.EmbeddingSet.load("assets/numbers/gram/test")
model = gram.models.load_model("assets/numbers/gram/model")
answer = gram.retrieval.ask("four seven two one", gallery=gallery, model=model)
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gram import measures
from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.geometry import base_and_height
from gram.retrieval.answer import Answer, Hit
from gram.retrieval.one_query import Candidates, Ranking
from gram.retrieval.products import InnerProducts, Progress
from gram.retrieval.query import AnyQuery, JointQuery, Query, candidates_for
from gram.retrieval.task import check_candidates, rows_with_candidates

__all__ = [
    "Answer", "AnyQuery", "Comparison", "Hit", "JointQuery", "Query", "Retriever",
    "ask", "candidates_for", "compare", "disagreements", "scores_of_all",
]  # fmt: skip


class Encoder(Protocol):
    """What is asked of a model: inputs of a modality in, unit vectors out."""

    def encode(self, modality: str, inputs: Sequence[Any]) -> Float[Tensor, "n d"]:
        """Return one vector an input."""


class Retriever:
    """A gallery made ready for one measure over some candidate modalities, to be asked again and again."""

    def __init__(
        self,
        gallery: EmbeddingSet,
        *,
        candidates: Sequence[str] | None = None,
        measure: str = "volume",
        model: Encoder | None = None,
        device: str = "auto",
        normalize: bool = False,
        beside: "Retriever | None" = None,
    ) -> None:
        """Prepare the gallery; one that is too large for it is read through for each query instead.

        Args:
            gallery: the items that are ranked.
            candidates: modalities that each item is judged by; default: every modality but the anchor.
            measure: a name from `gram.measures.names()`.
            model: what embeds a query that is not an item of the gallery.
            device: where the search runs.
            normalize: bring the gallery's vectors to length one as they are read; for a set that stays on disk.
            beside: a retriever of the same gallery and candidates by another measure, which is asked the same: a
                large gallery is then read through once for both.

        Raises:
            ValueError: an unknown measure or candidate modality, or no candidates.
            EmbeddingSetError: no item has any of the candidates.
        """
        self.gallery = gallery
        self._normalize = normalize
        self.model = model
        chosen = measures.get(measure)
        self.measure = chosen.name
        if candidates is None:
            candidates = candidates_for(gallery.anchor, list(gallery.modalities), gallery=gallery)
        self.candidates = check_candidates(gallery, candidates)
        rows = rows_with_candidates(gallery, self.candidates, at_least=min(chosen.min_candidates, len(self.candidates)))
        self._rows = rows.numpy()  # of the gallery, by place among those that can be hits
        if beside is not None and beside._is_of(gallery, self.candidates, normalize):
            self._products: InnerProducts = beside._products
        else:
            vectors = [gallery.modalities[name] for name in self.candidates]
            self._products = InnerProducts(vectors, device=select_device(device), normalize=normalize)
        some = None if len(rows) == len(gallery) else rows
        self._ranked = Candidates(self.measure, self._products, device=self._products.device, rows=some)

    def _is_of(self, gallery: EmbeddingSet, candidates: tuple[str, ...], normalize: bool) -> bool:
        return self.gallery is gallery and self.candidates == candidates and self._normalize == normalize

    def ask(self, query: AnyQuery, *, k: int = 10, progress: Progress | None = None) -> Answer:
        """Return the k best items, the true item's rank, and the time it took.

        Args:
            query: what is asked.
            k: how many items to list.
            progress: is told the share of the gallery that was read, where it has to be read through.

        Raises:
            ValueError: k below 1; a modality of the query is one of the candidates or unknown; its item is not in
                the gallery or lacks that modality; it has neither content nor item; content and no model, or a
                model of another width than the gallery.
        """
        found = self._find(query, k, progress)
        started = time.perf_counter()
        ranks = self._ranks(found.ranking, [] if query.id is None else [query.id])
        return self._answer(found, ranks, started)

    def ranks_of(self, embeddings: Float[Tensor, "*parts d"], ids: Sequence[str]) -> dict[str, float]:
        """Return where items rank for a query's embedding; ids that cannot be hits are left out.

        Args:
            embeddings: (d,), or (parts, d) of a joint query with the anchor part first.
            ids: the items.
        """
        return self._ranks(self._ranked.rank(torch.atleast_2d(embeddings)), ids)

    def _ranks(self, ranking: Ranking, ids: Sequence[str]) -> dict[str, float]:
        places = {item: self._place_of(item) for item in ids}
        return {item: ranking.rank(place) for item, place in places.items() if place is not None}

    def _place_of(self, item: str | None) -> int | None:
        """Return the place of an item among those that can be hits; None where it is none of them."""
        row = None if item is None else self.gallery.find(item)
        if row is None:
            return None
        place = int(np.searchsorted(self._rows, row))
        return place if place < len(self._rows) and self._rows[place] == row else None

    def _told(self, column: str, row: int) -> str:
        return str(self.gallery.items[column].iloc[row])

    def _vectors(self, query: AnyQuery) -> dict[str, Float[Tensor, " d"]]:
        """Return the vector of each part, the anchor first."""
        parts = sorted(query.parts, key=lambda part: part.modality != self.gallery.anchor)
        return {part.modality: self._vector(part) for part in parts}

    def _vector(self, query: Query) -> Float[Tensor, " d"]:
        if query.modality in self.candidates:
            raise ValueError(
                f"candidates must leave out the query's own modality; both have {query.modality!r}: "
                "use candidates_for()"
            )
        if query.content is not None:
            if self.model is None:
                raise ValueError("a query with content needs a model to embed it; give model=")
            vector = self.model.encode(query.modality, [query.content])[0]
            if len(vector) != self.gallery.d:
                raise ValueError(
                    f"model embeds in {len(vector)} dimensions and the gallery has {self.gallery.d}: "
                    "give the model that made the gallery"
                )
            return vector
        if query.id is None:
            raise ValueError("query must have content to encode or the id of an item; it has neither")
        if (row := self.gallery.find(query.id)) is None:
            raise ValueError(f"query names item {query.id!r}, which is not in the gallery; give its content")
        if query.modality not in self.gallery.modalities:
            known = ", ".join(self.gallery.modalities)
            raise ValueError(f"query has modality {query.modality!r}; the gallery has {known}")
        vector = self.gallery.modalities[query.modality][row]
        vector = vector.double() if self._normalize else vector.float()
        if bool(vector.isnan().any()):
            raise ValueError(f"query names item {query.id!r}, which lacks {query.modality}; choose another modality")
        return torch.nn.functional.normalize(vector, dim=0) if self._normalize else vector

    def _find(self, query: AnyQuery, k: int, progress: Progress | None) -> "_Found":
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        started = time.perf_counter()
        vectors = self._vectors(query)
        encoded = time.perf_counter()
        ranking = self._ranked.rank(torch.stack([vector.double() for vector in vectors.values()]), progress)
        places = ranking.best(k).tolist()
        true = self._place_of(query.id)
        if true is not None and true not in places:
            places.append(true)
        return _Found(query, vectors, ranking, places, k, encoded - started, time.perf_counter() - encoded)

    def _answer(self, found: "_Found", ranks: Mapping[str, float], started: float) -> Answer:
        hits = self._hits(found)
        true = next((replace(hit, rank=ranks[hit.id]) for hit in hits if hit.correct), None)
        return Answer(
            query=found.query,
            measure=self.measure,
            candidates=self.candidates,
            size=len(self._rows),
            hits=tuple(hits[: found.k]),
            true=true,
            embeddings=found.vectors,
            encode_seconds=found.encode_seconds if any(part.content is not None for part in found.query.parts) else 0.0,
            search_seconds=found.search_seconds + time.perf_counter() - started,
        )

    def _hits(self, found: "_Found") -> list[Hit]:
        """Take the items that were found apart, in float64 as they were ranked."""
        rows = self._rows[found.places].tolist()
        anchor, *joined = (vector.double() for vector in found.vectors.values())
        own = dict(zip(self.candidates, (each.cpu() for each in self._products.rows(torch.tensor(rows)))))
        ids = [self._told("id", row) for row in rows]
        called = "label" if "label" in self.gallery.items else "id"
        base, height = base_and_height(
            anchor[None], *(vector.expand(len(rows), -1) for vector in joined), *own.values()
        )
        cosines = {name: cosine_similarity(anchor, vectors, dim=-1).tolist() for name, vectors in own.items()}
        own_cosines = _own_cosines(list(own.values()))
        return [
            Hit(
                rank=number + 1,
                row=row,
                id=ids[number],
                label=self._told(called, row),
                score=float(found.ranking.scores[found.places[number]]),
                base=float(base[number]),
                height=float(height[0, number]),
                cosines={name: values[number] for name, values in cosines.items()},
                correct=ids[number] == found.query.id,
                own_cosine=float(own_cosines[number]),
            )
            for number, row in enumerate(rows)
        ]


def _own_cosines(vectors: Sequence[Float[Tensor, "n d"]]) -> Float[Tensor, " n"]:
    """Return each item's mean cosine over the pairs of its vectors that are there."""
    pairs = [cosine_similarity(a, b, dim=-1) for place, a in enumerate(vectors) for b in vectors[:place]]
    return torch.stack(pairs).nanmean(dim=0) if pairs else vectors[0].new_full((len(vectors[0]),), math.nan)


class _Found(NamedTuple):
    """The places of the k best candidates, and of the true item behind them, in a ranking of all."""

    query: AnyQuery
    vectors: dict[str, Float[Tensor, " d"]]
    ranking: Ranking
    places: list[int]
    k: int
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
    """Return what a gallery answers to one query; `Retriever` answers many without preparing anew.

    Args:
        query: a `Query`, a `JointQuery`, or words that the model encodes as text.
        gallery: the items that are ranked.
        model: what embeds a query that is not an item of the gallery.
        candidates: modalities that each item is judged by; default: every modality but the query's.
        measure: a name from `gram.measures.names()`.
        k: how many hits to list.

    Raises:
        ValueError: see `Retriever` and `Retriever.ask`.

    Example:
        >>> gallery = gram.EmbeddingSet.load("assets/numbers/gram/test")  # doctest: +SKIP
        >>> ask(Query("speech", id="4721"), gallery=gallery).true.rank  # doctest: +SKIP
        1.0
    """
    query = Query("text", query) if isinstance(query, str) else query
    if candidates is None:
        candidates = candidates_for(query.modalities, list(gallery.modalities), gallery=gallery)
    return Retriever(gallery, candidates=candidates, measure=measure, model=model).ask(query, k=k)


@dataclass(frozen=True)
class Comparison:
    """Two answers to one query, side by side.

    Attributes:
        left: one retriever's answer.
        right: the other's.
        places: for the id of every item listed in either answer, its rank (left, right).
    """

    left: Answer
    right: Answer
    places: Mapping[str, tuple[float, float]]


def compare(
    query: AnyQuery, left: Retriever, right: Retriever, *, k: int = 10, progress: Progress | None = None
) -> Comparison:
    """Return two retrievers' answers to one query and where each one's hits rank in the other.

    Args:
        query: what is asked.
        left: one retriever.
        right: another.
        k: how many items each lists.
        progress: is told the share that is done, where a gallery has to be read through.

    Raises:
        ValueError: see `Retriever.ask`.
    """
    retrievers = left, right
    halves = [_part_of(progress, side / 2) for side in range(2)]
    found = [retriever._find(query, k, half) for retriever, half in zip(retrievers, halves)]
    listed = {
        retriever._told("id", retriever._rows[place]): None
        for retriever, each in zip(retrievers, found)
        for place in each.places
    }
    answers, ranks = [], []
    for retriever, each in zip(retrievers, found):
        started = time.perf_counter()
        ranks.append(retriever._ranks(each.ranking, list(listed)))
        answers.append(retriever._answer(each, ranks[-1], started))
    places = {item: (rank, ranks[1][item]) for item, rank in ranks[0].items() if item in ranks[1]}
    return Comparison(answers[0], answers[1], places)


def _part_of(progress: Progress | None, done: float) -> Progress | None:
    """Return what tells of one of two halves of the work, after `done` of it."""
    return None if progress is None else lambda share: progress(done + share / 2)


def scores_of_all(
    query: Float[Tensor, " d"], gallery: EmbeddingSet, candidates: Sequence[str], *, measure: str = "volume"
) -> Float[np.ndarray, " n"]:
    """Return the score of one query with every item of a gallery, in float64; nothing is made ready for another.

    An item that lacks all of the candidates scores -inf, and a query of NaN has NaN with all.

    Raises:
        ValueError: an unknown measure or candidate modality, or no candidates.
    """
    names = check_candidates(gallery, candidates, measure=measure)
    vectors = [gallery.modalities[name] for name in names]
    return Candidates(measure, vectors, device=torch.device("cpu"), keep=0).rank(query[None]).scores


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
