"""The answer to a query: ranked items, each score taken apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gram import measures
from gram.geometry import base_and_height
from gram.retrieval.query import AnyQuery
from gram.retrieval.scoring import TOLERANCE


@dataclass(frozen=True)
class Hit(measures.Parts):
    """One ranked item and the components of its score.

    Attributes: those of `gram.measures.Parts`, and
        rank: 1 is best; tied items share the average of their places only where the true item is ranked.
        row: the item's row in the gallery.
        id: the item's id.
        correct: whether this is the true item.
    """

    rank: float
    row: int
    id: str
    correct: bool


@dataclass(frozen=True, repr=False)
class Answer:
    """A gallery's answer to one query.

    Attributes:
        query: the query.
        measure: name of the measure that ranked the gallery.
        candidates: the modalities that each item was judged by.
        size: how many items were ranked: those with at least one candidate modality.
        hits: the best items, best first.
        true: the item that the query names, wherever it ranks; None where it names none, or one that cannot be a hit.
        embeddings: the query's vectors, (d,) each, by modality, the anchor part first.
        encode_seconds: time to embed the query; 0.0 where its embedding was in the gallery.
        search_seconds: time to rank the gallery and take the hits apart.
    """

    query: AnyQuery
    measure: str
    candidates: tuple[str, ...]
    size: int
    hits: tuple[Hit, ...]
    true: Hit | None
    embeddings: Mapping[str, Float[Tensor, " d"]]
    encode_seconds: float
    search_seconds: float

    def __repr__(self) -> str:
        """Return the query, the first hit and the true item's rank, in one line."""
        place = "" if self.true is None else f", true rank {self.true.rank:g}"
        first = f", first {self.hits[0].id!r}" if self.hits else ""
        return f"Answer({self.query!r}, {' + '.join(self.candidates)} by {self.measure}{first}{place} of {self.size:,})"

    @property
    def embedding(self) -> Float[Tensor, " d"]:
        """The query's vector; that of its anchor part where it is joint."""
        return next(iter(self.embeddings.values()))

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

        The sentence compares the first hit with the true item, as the measure's `explain` does.
        """
        if self.true is None or self.true.rank <= 1:
            return None
        first = self.hits[0]
        if first.correct or abs(first.score - self.true.score) <= TOLERANCE * (1 + abs(self.true.score)):
            return f"{self.true.label} ties with others: equal scores share a rank."
        return measures.get(self.measure).explain(first, self.true, tuple(self.embeddings))


def take_apart(
    query: Sequence[Float[Tensor, " d"]],
    vectors: Mapping[str, Float[Tensor, "b d"]],
    items: Sequence[tuple[float, int, str, str, float]],
    true: str | None,
) -> list[Hit]:
    """Return items as hits, their scores taken apart in float64.

    Args:
        query: the query's vectors, the anchor first.
        vectors: the items' vectors by candidate modality, NaN rows where an item lacks one.
        items: rank, row, id, label and score of each.
        true: id of the true item.
    """
    if not items:
        return []
    anchor, *joined = (vector.cpu().double() for vector in query)
    own = {name: each.cpu().double() for name, each in vectors.items()}
    base, height = base_and_height(anchor[None], *(vector.expand(len(items), -1) for vector in joined), *own.values())
    cosines = {name: cosine_similarity(anchor, each, dim=-1).tolist() for name, each in own.items()}
    own_cosines = _own_cosines(list(own.values()))
    return [
        Hit(
            rank=rank,
            row=row,
            id=item,
            label=label,
            score=score,
            base=float(base[number]),
            height=float(height[0, number]),
            cosines={name: values[number] for name, values in cosines.items()},
            correct=item == true,
            own_cosine=float(own_cosines[number]),
        )
        for number, (rank, row, item, label, score) in enumerate(items)
    ]


def _own_cosines(vectors: Sequence[Float[Tensor, "n d"]]) -> Float[Tensor, " n"]:
    """Return each item's mean cosine over the pairs of its vectors, missing ones left out."""
    pairs = [cosine_similarity(a, b, dim=-1) for place, a in enumerate(vectors) for b in vectors[:place]]
    return torch.stack(pairs).nanmean(dim=0) if pairs else vectors[0].new_full((len(vectors[0]),), math.nan)
