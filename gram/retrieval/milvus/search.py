"""An embedding set in Milvus, pushed once and searched by any measure."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.errors import DatabaseError
from gram.retrieval.milvus.collection import MOST, Collection, Layout
from gram.retrieval.milvus.connection import Connection, OutOfReachError, check_uri
from gram.retrieval.milvus.rows import check_ids, digests_of, rows_of, unit_queries, unit_vectors
from gram.retrieval.scoring import score_scale
from gram.retrieval.task import check_candidates, rows_with_candidates
from gram.retrieval.top_k import Ranking

# Of 100,000 made-up items this finds all of the ten best by volume and cosine, or nearly, and 92 to 95 % by height; a
# quarter of it 95 to 100 % and 88 to 92 %: benchmarks/NOTES.md.
DEFAULT_FETCH = 256
_QUERIES = 32  # whose candidates are fetched together
_SCORES = 1 << 25  # that are held at once where every item is scored

Array = TypeVar("Array", Tensor, np.ndarray)
Progress = Callable[[int, int], None]  # is told how many items are done, and of how many


class MilvusHits(NamedTuple):
    """The best items for each of q queries, best first.

    Attributes:
        ids: (q, k) ids of items, as text; None in places for which no item was found.
        scores: (q, k) their scores in float32; higher = better aligned; -inf where there is no item.
        ranks: (q, k) their places among the items that were scored, 1 for the best; the average of tied places.
        exact: whether every item was scored. If not, an item that is better than a hit may be missing.
        scored: (q,) how many items were scored for each query: the candidates that were fetched.
    """

    ids: np.ndarray
    scores: Tensor | np.ndarray
    ranks: np.ndarray
    exact: bool
    scored: np.ndarray


class Pushed(NamedTuple):
    """What a push did.

    Attributes:
        sent: how many items it sent.
        kept: how many were there already, with the same vectors.
        left_out: how many have none of the candidate modalities.
    """

    sent: int
    kept: int
    left_out: int


class MilvusSearcher:
    """The items of a collection of Milvus, ready to be ranked for queries.

    A collection holds the candidate modalities of a set, each item's vectors brought to length one and the volume of
    them, its base. A search asks Milvus for the `fetch` items nearest to the query t in each modality, and to -t
    where the measure gives both the same score; adds the `fetch` items with the smallest bases, which win by volume
    wherever the query is; and scores them all here, in float64, from their vectors. It is approximate: an item that
    is near in no modality and has no small base is not seen, though a mixture of its vectors may fit. `hits.exact`
    says so. With `fetch` of at least as many as there are items, all are read and scored, and it is exact.

    A modality that an item lacks is left out of its score, as everywhere.

    Attributes:
        measure: name of the measure.
        collection: name of the collection.
        uri: where it is, without a password.
    """

    def __init__(
        self,
        uri: str,
        *,
        collection: str = "gram",
        token: str | None = None,
        candidates: Sequence[str] | None = None,
        measure: str = "volume",
        timeout: float = 30.0,
    ) -> None:
        """Say where the collection is; Milvus is not asked before something is wanted of it.

        Args:
            uri: address of a cluster (http://host:19530), or a path that ends in .db for Milvus Lite.
            collection: its name: letters, digits and underscores.
            token: what a cluster wants: an API key, or user:password.
            candidates: modalities that the collection holds; None for those it has, or, of one that the first push
                makes, all of the set but its anchor.
            measure: one of `gram.measures.names()`; one collection serves all.
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
        self._typicals: dict[tuple[str, int], float] = {}
        self.collection = collection
        self.uri = self._connection.uri

    def __repr__(self) -> str:
        """Return where the index is, without its token."""
        return f"MilvusSearcher({self.uri!r}, collection={self.collection!r}, measure={self.measure!r})"

    def __enter__(self) -> Self:
        """Return the index, which is closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return how many items the collection holds.

        Raises:
            DatabaseError: see `search`.
        """
        self._held()
        return self._collection.count()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the modalities that make a candidate: those of the collection.

        Raises:
            DatabaseError: see `search`.
        """
        return self._held().modalities

    @property
    def d(self) -> int:
        """Number of dimensions of the vectors.

        Raises:
            DatabaseError: see `search`.
        """
        return self._held().d

    def close(self) -> None:
        """Let go of the connection; a later use opens it anew."""
        self._connection.close()

    def push(self, embedding_set: EmbeddingSet, *, progress: Progress | None = None) -> Pushed:
        """Bring a set's items into the collection, which is made if it is not there.

        Items go by id: one that is there with the same vectors is not sent again, one with others is replaced, and
        items that the set lacks stay. So a push that was stopped, or lost its connection, goes on when given again.

        Args:
            embedding_set: what to push.
            progress: is told how many items are done, and of how many, after each batch.

        Raises:
            DatabaseError: see `search`; the collection holds other modalities or another dimension than the set.
            EmbeddingSetError: no item has any of the candidates, or an id of more than 1,024 bytes.
            ValueError: the set lacks a candidate.
        """
        layout = self._layout_for(embedding_set)
        rows = rows_with_candidates(embedding_set, layout.modalities).tolist()
        ids = check_ids(embedding_set, rows)
        if self._known() is None:
            self._collection.create(layout)
            self._layout = layout
        try:
            sent = self._push_batches(embedding_set, layout, ids, rows, progress)
        except OutOfReachError as error:
            again = "give the same command again: what was sent stays, and only the rest is sent"
            raise OutOfReachError(f"{error}; {again}") from None
        return Pushed(sent, len(rows) - sent, len(embedding_set) - len(rows))

    def search(self, queries: Array, k: int = 10, *, fetch: int | None = None) -> MilvusHits:
        """Return the best items for each query; of those that tie, the lower id comes first.

        Args:
            queries: (q, d) anchors, or (d,) for one; torch or numpy, of any length.
            k: how many; all items if there are fewer.
            fetch: how many candidates Milvus is asked for in each modality (twice, for t and -t, where a measure sees
                no signs) and by their base; up to 16,384, or as many as there are items for an exact answer. Default:
                `DEFAULT_FETCH`, or k if that is more.

        Raises:
            ValueError: queries of another shape, of zeros or with values that are not finite; k below 1; a measure that
                is not defined for so many candidates; fetch below k, or over 16,384 and under the number of items.
            DatabaseError: pymilvus is not installed, Milvus cannot be reached or refuses, there is no such collection
                or it holds no embedding set, or other modalities than the candidates asked for.
        """
        layout = self._held()
        measures.get(self.measure).check(len(layout.modalities))
        anchors = unit_queries(queries, layout.d)
        if k < 1:
            raise ValueError(f"k: expected at least 1, got {k}")
        fetch = max(DEFAULT_FETCH, k) if fetch is None else fetch
        if fetch < k:
            raise ValueError(f"fetch: expected at least k = {k} candidates, got {fetch}")
        size = self._collection.count(self._where)
        if MOST < fetch < size:
            raise ValueError(
                f"fetch: Milvus gives up to {MOST:,} candidates at once, got {fetch:,}; "
                f"give fewer, or {size:,} to read them all"
            )
        found = self._all(layout, anchors, k, size) if fetch >= size else self._some(layout, anchors, k, fetch)
        return _as_hits(found, min(k, size), exact=fetch >= size, as_numpy=isinstance(queries, np.ndarray))

    def vectors(self, ids: Sequence[str]) -> dict[str, Float[Tensor, "n d"]]:
        """Return items' unit vectors by modality, in the order of the ids; NaN where an item lacks one.

        Raises:
            DatabaseError: see `search`; or an item is not there.
        """
        layout = self._held()
        known, taken = self._collection.take(layout, sorted(set(ids)))
        places = {item: place for place, item in enumerate(known)}
        for item in ids:
            if item not in places:
                raise DatabaseError(f"{self._collection} has no item '{item}'")
        ordered = torch.from_numpy(taken[[places[item] for item in ids]])
        return dict(zip(layout.modalities, ordered.unbind(dim=1)))

    @property
    def _where(self) -> str:
        """The expression that items which can be hits fulfil."""
        least = measures.get(self.measure).min_candidates
        return f"there >= {least}" if least > 1 else ""

    def _known(self) -> Layout | None:
        """Return what the collection holds, None where there is none."""
        if self._layout is None:
            layout = self._collection.layout()
            if layout is not None and self._wanted is not None and set(layout.modalities) != set(self._wanted):
                raise DatabaseError(
                    f"{self._collection} holds {', '.join(layout.modalities)}, not {', '.join(self._wanted)}: "
                    "ask for what it holds, or name another collection"
                )
            self._layout = layout
        return self._layout

    def _held(self) -> Layout:
        layout = self._known()
        if layout is None:
            raise DatabaseError(
                f"{self._collection} does not exist; push a set first: python -m gram index push SET --uri {self.uri}"
            )
        return layout

    def _layout_for(self, embedding_set: EmbeddingSet) -> Layout:
        """Return the collection's layout, which the set fits; that of a new one where there is none."""
        layout = self._known()
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

    def _push_batches(
        self, embedding_set: EmbeddingSet, layout: Layout, ids: list[str], rows: list[int], progress: Progress | None
    ) -> int:
        """Send those of a set's items that are not there as they are; return how many."""
        sent = 0
        for start in range(0, len(rows), layout.batch):
            block = slice(start, start + layout.batch)
            sent += self._push_batch(layout, ids[block], unit_vectors(embedding_set, layout, rows[block]))
            if progress is not None:
                progress(min(block.stop, len(rows)), len(rows))
        if sent:
            self._collection.flush()
        return sent

    def _push_batch(self, layout: Layout, ids: list[str], vectors: Float[np.ndarray, "n m d"]) -> int:
        """Send those of some items that are not there as they are; return how many."""
        known = self._collection.digests(ids)
        new = [place for place, digest in enumerate(digests_of(vectors)) if known.get(ids[place]) != digest]
        if new:
            self._collection.upsert(rows_of(layout, [ids[place] for place in new], vectors[new]))
        return len(new)

    def _all(self, layout: Layout, anchors: Float[Tensor, "q d"], k: int, size: int) -> "list[_Best]":
        """Return the best of all items, each read and scored."""
        found = []
        for block in anchors.split(max(1, _SCORES // max(1, size))):
            ids: list[str] = []
            scores = []
            for some, vectors in self._collection.scan(layout, self._where):
                ids += some
                scores.append(self._compare(block, self._prepare(vectors)).numpy())
            order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
            ids = [ids[place] for place in order]
            everything = np.concatenate(scores, axis=1)[:, order] if scores else np.empty((len(block), 0))
            found += [self._best(ids, each, k, len(layout.modalities)) for each in everything]
        return found

    def _some(self, layout: Layout, anchors: Float[Tensor, "q d"], k: int, fetch: int) -> "list[_Best]":
        """Return the best of the candidates that Milvus finds for each query."""
        hubs = self._collection.smallest_bases(fetch, self._where) if len(layout.modalities) > 1 else []
        found = []
        for block in anchors.split(_QUERIES):
            chosen = self._near(layout, block.numpy(), fetch)
            ids, vectors = self._collection.take(layout, sorted(set(hubs).union(*chosen)))
            places = {item: place for place, item in enumerate(ids)}
            prepared = self._prepare(vectors)
            for anchor, near in zip(block, chosen):
                own = sorted(places[item] for item in near.union(hubs) if item in places)
                tensors = tuple(part[own] for part in prepared.tensors)
                some = measures.Prepared(tensors, prepared.present[own], prepared.dtype)
                scores = self._compare(anchor[None], some)[0].numpy()
                found.append(self._best([ids[place] for place in own], scores, k, len(layout.modalities)))
        return found

    def _near(self, layout: Layout, queries: Float[np.ndarray, "q d"], fetch: int) -> list[set[str]]:
        """Return the ids of the items that are near each query in a modality."""
        both_signs = measures.get(self.measure).sign_invariant
        turned = np.concatenate([queries, -queries]) if both_signs else queries
        near: list[set[str]] = [set() for _ in queries]
        for name in layout.modalities:
            for number, ids in enumerate(self._collection.nearest(name, turned, fetch, self._where)):
                near[number % len(queries)].update(ids)
        return near

    def _prepare(self, vectors: Float[np.ndarray, "n m d"]) -> measures.Prepared:
        return measures.get(self.measure).prepare(*torch.from_numpy(vectors).double().unbind(dim=1))

    def _compare(self, anchors: Float[Tensor, "q d"], prepared: measures.Prepared) -> Float[Tensor, "q n"]:
        return measures.get(self.measure).scores(anchors, prepared)

    def _typical(self, m: int) -> float:
        """Return the size of a score that random directions have with items of m modalities."""
        if (self.measure, m) not in self._typicals:
            units = torch.ones(64, 1, dtype=torch.float64)
            typical = score_scale(measures.get(self.measure), units, [units] * m, torch.device("cpu"))
            self._typicals[self.measure, m] = float(typical)
        return self._typicals[self.measure, m]

    def _best(self, ids: list[str], scores: Float[np.ndarray, " n"], k: int, m: int) -> "_Best":
        """Return the best of scored items, whose ids ascend."""
        if not ids:
            return _Best([], [], [], 0)
        ranking = Ranking(scores, scores, self._typical(m))
        places = ranking.best(k)
        return _Best(
            [ids[place] for place in places], scores[places].tolist(), ranking.ranks(places).tolist(), len(ids)
        )


class _Best(NamedTuple):
    """The best items for one query, best first."""

    ids: list[str]
    scores: list[float]
    ranks: list[float]
    scored: int


def _as_hits(found: list[_Best], k: int, *, exact: bool, as_numpy: bool) -> MilvusHits:
    ids = np.full((len(found), k), None, dtype=object)
    scores = np.full((len(found), k), -np.inf, dtype=np.float32)
    ranks = np.full((len(found), k), np.nan)
    for number, best in enumerate(found):
        size = len(best.ids)
        ids[number, :size], scores[number, :size], ranks[number, :size] = best[:3]
    scored = np.array([best.scored for best in found], dtype=np.int64)
    return MilvusHits(ids, scores if as_numpy else torch.from_numpy(scores), ranks, exact, scored)
