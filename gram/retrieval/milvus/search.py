"""Approximate search of a Milvus collection by any measure, with the interface of `gram.Searcher`."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, TypeVar, overload

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram import measures
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.errors import DatabaseError
from gram.retrieval.answer import Answer, take_apart
from gram.retrieval.milvus.collection import Collection, Layout
from gram.retrieval.milvus.connection import Connection, OutOfReachError, check_uri
from gram.retrieval.milvus.push import Pushed, check_items, push_items
from gram.retrieval.milvus.scorer import CollectionScorer, Scored
from gram.retrieval.query import AnyQuery, Encoder, as_anchors, as_query, embed
from gram.retrieval.task import check_candidates

# Of 100,000 synthetic items this finds all of the ten best by volume and cosine, or nearly, and 92 to 95 % by height; a
# quarter of it 95 to 100 % and 88 to 92 %: benchmarks/NOTES.md.
DEFAULT_FETCH = 256

Array = TypeVar("Array", Tensor, np.ndarray)


class MilvusHits(NamedTuple):
    """The best items for each of q queries, best first.

    Attributes:
        ids: (q, k) ids of items, as text; None where fewer items were found.
        scores: (q, k) their scores in float32; higher = better aligned; -inf where there is no item.
        ranks: (q, k) ranks among the scored items, 1 for the best; tied items share their average.
        exact: whether every item was scored. If not, an item that is better than a hit may be missing.
        scored: (q,) how many items were scored for each query: the fetched candidates.
    """

    ids: np.ndarray
    scores: Tensor | np.ndarray
    ranks: np.ndarray
    exact: bool
    scored: np.ndarray


@dataclass(frozen=True, repr=False)
class MilvusAnswer(Answer):
    """A collection's answer to one query; `size` counts the scored candidates, and hits are ranked among these.

    `true` is None also where the true item was not fetched. `Hit.row` is -1 where the gallery lacks an item.

    Attributes:
        items: how many items of the collection can be hits.
        exact: whether every item was scored. If not, an item that is better than a hit may be missing.
        ranks: rank by id, of the hits, the true item and those that `MilvusSearcher.answer` was given to rank.
    """

    items: int = 0
    exact: bool = False
    ranks: Mapping[str, float] = field(default_factory=dict)


class MilvusSearcher:
    """Search of the items of a Milvus collection: candidates are fetched by index and scored exactly here.

    A collection holds an item's vectors scaled to length one, and their volume, its base. A search fetches the
    `fetch` nearest items to each of the query's vectors t in each modality, and to -t where the measure is invariant to
    signs; adds the `fetch` items of smallest base, which win by volume whatever the query; and scores all of them in
    float64. It is approximate: an item that is near in no modality and has no small base is missed, though its span may
    hold the query; `exact` is then False. With `fetch` no less than the number of items, all are scored.

    Attributes:
        measure: name of the measure.
        collection: name of the collection.
        uri: its address, without a password.
        gallery: the set that queries by id come from, and that gives hits their rows and labels; None for none.
        model: what embeds the content of queries.
    """

    def __init__(
        self,
        uri: str,
        *,
        collection: str = "gram",
        token: str | None = None,
        candidates: Sequence[str] | None = None,
        measure: str = "volume",
        gallery: EmbeddingSet | None = None,
        model: Encoder | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Check the arguments; the connection is opened by the first use.

        Args:
            uri: address of a server or cluster (http://host:19530), or a path that ends in .db for Milvus Lite.
            collection: its name: letters, digits and underscores.
            token: API key of a cluster, or user:password.
            candidates: modalities that the collection holds; None for those it has, or, where the first push creates
                it, all of the set but its anchor.
            measure: one of `gram.measures.names()`; one collection serves all.
            gallery: see above.
            model: see above.
            timeout: seconds that one request may take.

        Raises:
            ValueError: unknown measure, an address or a collection's name that Milvus does not take, a timeout of 0.
        """
        self.measure = measures.get(measure).name
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,254}", collection):
            raise ValueError(f"collection: expected up to 255 letters, digits and underscores, got {collection!r}")
        if timeout <= 0:
            raise ValueError(f"timeout: expected more than 0 seconds, got {timeout}")
        self._connection = Connection(check_uri(str(uri)), token, timeout)
        self._collection = Collection(self._connection, collection)
        self._wanted = None if candidates is None else tuple(candidates)
        self._layout: Layout | None = None
        self.collection, self.uri = collection, self._connection.uri
        self.gallery, self.model = gallery, model

    def __repr__(self) -> str:
        """Return the address, collection and measure, without the token."""
        return f"MilvusSearcher({self.uri!r}, collection={self.collection!r}, measure={self.measure!r})"

    def __enter__(self) -> Self:
        """Return the searcher, which is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return how many items the collection holds; DatabaseError as of `search`."""
        self._existing_layout()
        return self._collection.count()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the collection's modalities, which make a candidate; DatabaseError as of `search`."""
        return self._existing_layout().modalities

    @property
    def d(self) -> int:
        """Number of dimensions of the vectors; DatabaseError as of `search`."""
        return self._existing_layout().d

    def close(self) -> None:
        """Close the connection; a later use opens it anew."""
        self._connection.close()

    def push(self, embedding_set: EmbeddingSet, *, progress: Progress = no_progress) -> Pushed:
        """Upload a set's items to the collection, which is created if it does not exist.

        Items are matched by id: one with unchanged vectors is not sent again, one with others is replaced, and items
        that the set lacks stay. So an interrupted push resumes when it is repeated.

        Args:
            embedding_set: what to push.
            progress: called with the share done and "3 of 10 items" after each batch.

        Raises:
            DatabaseError: see `search`; the collection holds other modalities or another dimension than the set.
            EmbeddingSetError: no item has any of the candidates, or an id of more than 1,024 bytes.
            ValueError: the set lacks a candidate.
        """
        layout = self._layout_for(embedding_set)
        check_items(embedding_set, layout)
        if self._known_layout() is None:
            self._collection.create(layout)
            self._layout = layout
        try:
            return push_items(self._collection, layout, embedding_set, progress)
        except OutOfReachError as error:
            again = "give the same command again: what was sent stays, and only the rest is sent"
            raise OutOfReachError(f"{error}; {again}") from None

    @overload
    def search(
        self, query: AnyQuery | str, k: int = 10, *, fetch: int | None = None, progress: Progress = no_progress
    ) -> MilvusAnswer: ...

    @overload
    def search(
        self, query: Tensor | np.ndarray, k: int = 10, *, fetch: int | None = None, progress: Progress = no_progress
    ) -> MilvusHits: ...

    def search(
        self,
        query: AnyQuery | str | Tensor | np.ndarray,
        k: int = 10,
        *,
        fetch: int | None = None,
        progress: Progress = no_progress,
    ) -> MilvusAnswer | MilvusHits:
        """Return the k best items: a `MilvusAnswer` to one query, or the `MilvusHits` of many vectors.

        Tied items rank by id, the lower first.

        Args:
            query: as for `Searcher.search`: a `Query`, a `JointQuery`, words; or anchors (q, d) or (d,), of any length.
            k: how many; all items if there are fewer.
            fetch: how many candidates to fetch in each modality (twice, for t and -t, where a measure is
                invariant to signs) and by their base; up to 16,384, or as many as there are items for an exact answer.
                Default: `DEFAULT_FETCH`, or k if that is more.
            progress: called with the share done where every item is read.

        Raises:
            ValueError: as `Searcher.search`; queries of zeros; an id and no gallery; fetch below k, or over 16,384 and
                under the number of items.
            DatabaseError: pymilvus is not installed, Milvus cannot be reached or refuses, the collection does not exist
                or is no embedding set, or it holds other modalities than `candidates`.
        """
        if isinstance(query, Tensor | np.ndarray):
            anchors = unit_queries(query, self._existing_layout().d)
            scored = self._score(anchors, anchors[:0], k, fetch, progress)
            return _as_hits(scored, k, as_numpy=isinstance(query, np.ndarray))
        query, layout, started = as_query(query), self._existing_layout(), time.perf_counter()
        vectors = embed(
            query, gallery=self.gallery, candidates=layout.modalities, model=self.model, normalize=False, d=layout.d
        )
        encoded = any(part.content is not None for part in query.parts)
        seconds = time.perf_counter() - started if encoded else 0.0
        return replace(self.answer(query, vectors, k, fetch=fetch, progress=progress), encode_seconds=seconds)

    def answer(
        self,
        query: AnyQuery,
        vectors: Mapping[str, Float[Tensor, " d"]],
        k: int = 10,
        *,
        fetch: int | None = None,
        listed: Iterable[str] = (),
        progress: Progress = no_progress,
    ) -> MilvusAnswer:
        """Return the answer to a query that is embedded already.

        `vectors` are those of the query's parts by modality, the anchor first; `listed` names further items to rank, of
        which those that were not scored are left out of `ranks`. Other arguments and errors are those of `search`.
        """
        started, layout = time.perf_counter(), self._existing_layout()
        units = unit_queries(torch.stack([vector.cpu() for vector in vectors.values()]), layout.d)
        scored = self._score(units[:1], units[1:], k, fetch, progress)
        ids, ranking = scored.of_queries[0]
        place_of = {item: place for place, item in enumerate(ids)}
        best = [ids[place] for place in ranking.best(k)]
        true = [query.id] if query.id in place_of and query.id not in best else []
        places = {item: place_of[item] for item in (*best, *true, *listed) if item in place_of}
        ranks = dict(zip(places, ranking.ranks(np.fromiter(places.values(), dtype=np.int64)).tolist()))
        shown = [*best, *true]
        scores = ranking.scores(np.array([places[item] for item in shown], dtype=np.int64)).tolist()
        items = [(ranks[item], *self._row_and_label(item), score) for item, score in zip(shown, scores)]
        hits = take_apart(list(units), self.vectors(shown) if shown else {}, items, query.id)
        return MilvusAnswer(
            query=query,
            measure=self.measure,
            candidates=layout.modalities,
            size=len(ids),
            hits=tuple(hits[: len(best)]),
            true=next((hit for hit in hits if hit.correct), None),
            embeddings=vectors,
            encode_seconds=0.0,
            search_seconds=time.perf_counter() - started,
            items=scored.items,
            exact=scored.exact,
            ranks=ranks,
        )

    def vectors(self, ids: Sequence[str]) -> dict[str, Float[Tensor, "n d"]]:
        """Return items' unit vectors by modality, in the order of the ids; NaN where an item lacks one.

        Raises:
            DatabaseError: see `search`; or the collection lacks an item.
        """
        layout = self._existing_layout()
        known, taken = self._collection.take(layout, sorted(set(ids)))
        places = {item: place for place, item in enumerate(known)}
        for item in ids:
            if item not in places:
                raise DatabaseError(f"{self._collection} has no item '{item}'")
        ordered = torch.from_numpy(taken[[places[item] for item in ids]])
        return dict(zip(layout.modalities, ordered.unbind(dim=1)))

    def _known_layout(self) -> Layout | None:
        """Return the collection's layout; None where it does not exist."""
        if self._layout is None:
            layout = self._collection.layout()
            if layout is not None and self._wanted is not None and set(layout.modalities) != set(self._wanted):
                raise DatabaseError(
                    f"{self._collection} holds {', '.join(layout.modalities)}, not {', '.join(self._wanted)}: "
                    "ask for what it holds, or name another collection"
                )
            self._layout = layout
        return self._layout

    def _existing_layout(self) -> Layout:
        layout = self._known_layout()
        if layout is None:
            raise DatabaseError(
                f"{self._collection} does not exist; push a set first: python -m gram index push SET --uri {self.uri}"
            )
        return layout

    def _layout_for(self, embedding_set: EmbeddingSet) -> Layout:
        """Return the layout of the collection, which the set must fit; of a new one where none exists."""
        layout = self._known_layout()
        if layout is None:
            others = [name for name in embedding_set.names if name != embedding_set.anchor]
            return Layout(check_candidates(embedding_set, self._wanted or others), embedding_set.d)
        if lacking := [name for name in layout.modalities if name not in embedding_set.names]:
            raise DatabaseError(
                f"{self._collection} holds {', '.join(layout.modalities)}, and the set has no {lacking[0]}; it has "
                f"{', '.join(embedding_set.names)}: name another collection"
            )
        if layout.d != embedding_set.d:
            raise DatabaseError(
                f"{self._collection} holds vectors of {layout.d} dimensions, and the set's have {embedding_set.d}: "
                "name another collection"
            )
        return layout

    def _score(
        self, anchors: Float[Tensor, "q d"], joined: Float[Tensor, "p d"], k: int, fetch: int | None, progress: Progress
    ) -> Scored:
        fetch = max(DEFAULT_FETCH, k) if fetch is None else fetch
        scorer = CollectionScorer(self._collection, self._existing_layout(), measures.get(self.measure), joined)
        return scorer.score(anchors, k, fetch, progress)

    def _row_and_label(self, item: str) -> tuple[int, str, str]:
        """Return an item's row in the gallery, -1 if it lacks it, its id, and its label or else the id."""
        row = None if self.gallery is None else self.gallery.find(item)
        if self.gallery is None or row is None:
            return -1, item, item
        return row, item, str(self.gallery.items["label" if "label" in self.gallery.items else "id"].iloc[row])


def unit_queries(queries: Tensor | np.ndarray, d: int) -> Float[Tensor, "q d"]:
    """Return queries as rows of length one, in float64.

    Raises:
        ValueError: they are of another shape, of zeros or not finite.
    """
    anchors = as_anchors(queries, d).cpu()
    lengths = torch.linalg.vector_norm(anchors, dim=1, keepdim=True)
    bad = ~(lengths.isfinite() & (lengths > 0)).flatten()
    if bad.any():
        raise ValueError(
            f"queries: row {int(bad.nonzero()[0])} is of zeros or has values that are not finite; "
            "leave out queries whose modality is missing"
        )
    return anchors / lengths


def _as_hits(scored: Scored, k: int, *, as_numpy: bool) -> MilvusHits:
    k = min(k, scored.items)
    ids = np.full((len(scored.of_queries), k), None, dtype=object)
    scores, ranks = np.full(ids.shape, -np.inf, dtype=np.float32), np.full(ids.shape, np.nan)
    for number, (own, ranking) in enumerate(scored.of_queries):
        places = ranking.best(k)
        filled = number, slice(len(places))
        ids[filled] = [own[place] for place in places]
        scores[filled], ranks[filled] = ranking.scores(places), ranking.ranks(places)
    counts = np.array([len(own) for own, _ in scored.of_queries], dtype=np.int64)
    return MilvusHits(ids, scores if as_numpy else torch.from_numpy(scores), ranks, scored.exact, counts)
