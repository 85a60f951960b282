"""Ask a gallery: one query in, ranked items out, each with what its score is made of.

gallery = gram.EmbeddingSet.load("assets/numbers/gram/test")
model = gram.models.load_model("assets/numbers/gram/model")
answer = gram.retrieval.ask("four seven two one", gallery=gallery, model=model)
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gram._reasons import reason
from gram.embedding_set import EmbeddingSet
from gram.geometry import base_and_height
from gram.index import Index
from gram.numbers.wording import parse, words

__all__ = [
    "Answer", "Comparison", "Hit", "Query", "Retriever", "ask", "candidates_for", "compare", "disagreements",
]  # fmt: skip


class Encoder(Protocol):
    """What is asked of a model: inputs of a modality in, unit vectors out."""

    def encode(self, modality: str, inputs: Sequence[Any]) -> Float[Tensor, "n d"]:
        """Return one vector an input."""


@dataclass(frozen=True)
class Query:
    """What is asked, in one modality.

    Attributes:
        modality: what the query is: text, image, speech, tones, ...
        content: what a model encodes (words, a picture, a waveform); None takes the gallery's own embedding
            of the item `id`.
        id: the item it should find, where that is known; its rank is then reported.
    """

    modality: str
    content: Any = None
    id: str | None = None

    @classmethod
    def typed(cls, text: str) -> "Query":
        """Return the query for a number typed in digits or words.

        Raises:
            NumberError: the text does not name four digits.
        """
        number = parse(text)
        return cls("text", words(number), number)


@dataclass(frozen=True)
class Hit:
    """One ranked item and what its score is made of.

    Attributes:
        rank: 1 is best; tied items share the average of their places only where the true item is ranked.
        row: the item's row in the gallery.
        id: the item's id.
        label: what the item is called.
        score: the measure's score, higher = better aligned.
        base: volume of the candidate's own vectors.
        height: distance of the query from their span; volume = base x height.
        cosines: cosine of the query with each candidate modality; NaN where the item lacks it.
        correct: whether this is the item that was asked for.
        own_cosine: mean cosine of the candidate's own vectors with each other; NaN with fewer than two.
    """

    rank: float
    row: int
    id: str
    label: str
    score: float
    base: float
    height: float
    cosines: Mapping[str, float]
    correct: bool
    own_cosine: float = math.nan


@dataclass(frozen=True)
class Answer:
    """A gallery's answer to one query.

    Attributes:
        query: what was asked.
        measure: what ranked the gallery.
        candidates: the modalities that each item was judged by.
        size: how many items were ranked: those with at least one candidate modality.
        hits: the best items, best first.
        true: the item that was asked for, wherever it ranks; None when it is unknown or cannot be a hit.
        embedding: the query's vector, (d,).
        encode_seconds: time to embed the query; 0.0 where its embedding was in the gallery.
        search_seconds: time to rank the gallery and take the hits apart.
    """

    query: Query
    measure: str
    candidates: tuple[str, ...]
    size: int
    hits: tuple[Hit, ...]
    true: Hit | None
    embedding: Float[Tensor, " d"] = field(repr=False)
    encode_seconds: float
    search_seconds: float

    @property
    def found(self) -> bool:
        """Whether the true item is known and first."""
        return self.true is not None and self.true.rank <= 1

    def table(self) -> pd.DataFrame:
        """Return the hits, and below them the true item where it is not one of them, one row each."""
        shown = list(self.hits)
        if self.true is not None and not any(hit.correct for hit in shown):
            shown.append(self.true)
        return pd.DataFrame(
            {
                "rank": hit.rank,
                "id": hit.id,
                "label": hit.label,
                "measure": self.measure,
                "score": hit.score,
                "base": hit.base,
                "height": hit.height,
                **{f"cosine_{name}": value for name, value in hit.cosines.items()},
                "true_item": hit.correct,
            }
            for hit in shown
        )

    def why(self) -> str | None:
        """Return one plain sentence on why the true item is not first, from the numbers; None where it is.

        The sentence compares the first hit with the true item. Under `volume` it says which factor of base x
        height made the difference: the ratio of the volumes is the product of the two ratios.
        """
        if self.true is None or self.true.rank <= 1:
            return None
        return reason(self.measure, self.hits[0], self.true)


def candidates_for(modality: str, chosen: Sequence[str], *, gallery: EmbeddingSet) -> tuple[str, ...]:
    """Return the modalities to judge items by: those chosen and the anchor, without the query's own.

    Example: of image, speech and tones, a text query keeps all; an image query asks text, speech, tones.
    """
    wanted = {*chosen, gallery.anchor} - {modality}
    return tuple(name for name in gallery.modalities if name in wanted)


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
    ) -> None:
        """Prepare the gallery.

        Args:
            gallery: the items that are ranked.
            candidates: modalities that each item is judged by; default: every modality but the anchor.
            measure: a name from `gram.measures.names()`.
            model: what embeds a query that is not an item of the gallery.
            device: where the search runs.

        Raises:
            ValueError: an unknown measure or candidate modality, or no candidates.
        """
        self.gallery = gallery
        self.model = model
        self.measure = measure
        self.candidates = tuple(
            candidates_for(gallery.anchor, list(gallery.modalities), gallery=gallery)
            if candidates is None
            else candidates
        )
        self._index = Index(gallery, candidates=list(self.candidates), measure=measure, device=device)
        self._row_of = {str(item): row for row, item in enumerate(gallery.items["id"])}
        self._ranked = set(self._index.rows.tolist())
        self._labels = gallery.items["label"] if "label" in gallery.items else gallery.items["id"]

    def ask(self, query: Query, *, k: int = 10) -> Answer:
        """Return the k best items, the true item's rank, and the time it took.

        Raises:
            ValueError: the query's modality is one of the candidates or unknown; its item is not in the
                gallery or lacks that modality; it has neither content nor item; or content and no model.
        """
        found = self._find(query, k)
        started = time.perf_counter()
        return self._answer(found, self.ranks_of(found.vector, found.true_id), started)

    def ranks_of(self, embedding: Float[Tensor, " d"], ids: Sequence[str]) -> dict[str, float]:
        """Return where items rank for a query's embedding; ids that cannot be hits are left out."""
        rows = {item: self._row_of[item] for item in ids if self._row_of.get(item) in self._ranked}
        if not rows:
            return {}
        queries = embedding.expand(len(rows), -1)
        return dict(zip(rows, self._index.ranks(queries, torch.tensor(list(rows.values()))).tolist()))

    def _vector(self, query: Query) -> Float[Tensor, " d"]:
        if query.modality in self.candidates:
            raise ValueError(
                f"candidates must leave out the query's own modality; both have {query.modality!r}: "
                "use candidates_for()"
            )
        if query.content is not None:
            if self.model is None:
                raise ValueError("a query with content needs a model to embed it; give model=")
            return self.model.encode(query.modality, [query.content])[0]
        if query.id is None:
            raise ValueError("query must have content to encode or the id of an item; it has neither")
        if query.id not in self._row_of:
            raise ValueError(f"query names item {query.id!r}, which is not in the gallery; give its content")
        if query.modality not in self.gallery.modalities:
            known = ", ".join(self.gallery.modalities)
            raise ValueError(f"query has modality {query.modality!r}; the gallery has {known}")
        vector = self.gallery.modalities[query.modality][self._row_of[query.id]].float()
        if bool(vector.isnan().any()):
            raise ValueError(f"query names item {query.id!r}, which lacks {query.modality}; choose another modality")
        return vector

    def _find(self, query: Query, k: int) -> "_Found":
        started = time.perf_counter()
        vector = self._vector(query)
        encoded = time.perf_counter()
        rows, scores = (found[0].tolist() for found in self._index.search(vector[None], k=k))
        true_row = self._row_of.get(query.id) if query.id is not None else None
        if true_row is not None and true_row in self._ranked and true_row not in rows:
            rows.append(true_row)
            scores.append(float(self._index.score(vector[None], true_row)[0]))
        return _Found(query, vector, rows, scores, k, encoded - started, time.perf_counter() - encoded)

    def _answer(self, found: "_Found", ranks: Mapping[str, float], started: float) -> Answer:
        hits = self._hits(found)
        true = next((replace(hit, rank=ranks[hit.id]) for hit in hits if hit.correct), None)
        return Answer(
            query=found.query,
            measure=self.measure,
            candidates=self.candidates,
            size=len(self._index),
            hits=tuple(hits[: found.k]),
            true=true,
            embedding=found.vector,
            encode_seconds=found.encode_seconds if found.query.content is not None else 0.0,
            search_seconds=found.search_seconds + time.perf_counter() - started,
        )

    def _hits(self, found: "_Found") -> list[Hit]:
        """Take the rows that were found apart."""
        others = {name: self.gallery.modalities[name][found.rows].float() for name in self.candidates}
        base, height = base_and_height(found.vector[None], *others.values())
        cosines = {name: cosine_similarity(found.vector, rows, dim=-1).tolist() for name, rows in others.items()}
        own = _own_cosines(list(others.values()))
        ids = self.gallery.items["id"].astype(str)
        return [
            Hit(
                rank=place + 1,
                row=row,
                id=ids.iloc[row],
                label=str(self._labels.iloc[row]),
                score=found.scores[place],
                base=float(base[place]),
                height=float(height[0, place]),
                cosines={name: values[place] for name, values in cosines.items()},
                correct=ids.iloc[row] == found.query.id,
                own_cosine=float(own[place]),
            )
            for place, row in enumerate(found.rows)
        ]


def _own_cosines(vectors: Sequence[Float[Tensor, "n d"]]) -> Float[Tensor, " n"]:
    """Return each item's mean cosine over the pairs of its vectors that are there."""
    pairs = [cosine_similarity(a, b, dim=-1) for place, a in enumerate(vectors) for b in vectors[:place]]
    return torch.stack(pairs).nanmean(dim=0) if pairs else vectors[0].new_full((len(vectors[0]),), math.nan)


class _Found(NamedTuple):
    """The rows of the k best items, and of the true item behind them, with their scores."""

    query: Query
    vector: Float[Tensor, " d"]
    rows: list[int]
    scores: list[float]
    k: int
    encode_seconds: float
    search_seconds: float

    @property
    def true_id(self) -> list[str]:
        return [] if self.query.id is None else [self.query.id]


def ask(
    query: Query | str,
    *,
    gallery: EmbeddingSet,
    model: Encoder | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    k: int = 10,
) -> Answer:
    """Return what a gallery answers to one query; `Retriever` answers many without preparing anew.

    Args:
        query: a `Query`, or a number in digits or words.
        gallery: the items that are ranked.
        model: what embeds a query that is not an item of the gallery.
        candidates: modalities that each item is judged by; default: every modality but the query's.
        measure: a name from `gram.measures.names()`.
        k: how many hits to list.

    Raises:
        NumberError: a typed query does not name four digits.
        ValueError: see `Retriever` and `Retriever.ask`.

    Example:
        >>> gallery = gram.EmbeddingSet.load("assets/numbers/gram/test")  # doctest: +SKIP
        >>> ask(Query("speech", id="4721"), gallery=gallery).true.rank  # doctest: +SKIP
        1.0
    """
    query = Query.typed(query) if isinstance(query, str) else query
    if candidates is None:
        candidates = candidates_for(query.modality, list(gallery.modalities), gallery=gallery)
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


def compare(query: Query, left: Retriever, right: Retriever, *, k: int = 10) -> Comparison:
    """Return two retrievers' answers to one query and where each one's hits rank in the other.

    Raises:
        ValueError: see `Retriever.ask`.
    """
    retrievers = left, right
    found = [retriever._find(query, k) for retriever in retrievers]
    listed = {
        str(item): None
        for retriever, rows in zip(retrievers, found)
        for item in retriever.gallery.items["id"].iloc[rows.rows]
    }
    answers, ranks = [], []
    for retriever, rows in zip(retrievers, found):
        started = time.perf_counter()
        ranks.append(retriever.ranks_of(rows.vector, list(listed)))
        answers.append(retriever._answer(rows, ranks[-1], started))
    places = {item: (rank, ranks[1][item]) for item, rank in ranks[0].items() if item in ranks[1]}
    return Comparison(answers[0], answers[1], places)


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
