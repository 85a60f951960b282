"""Queries: an item, words, a picture or a sound, in one modality or several at once; and their vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet

_LONGEST = 60  # characters of content in a repr


def _short_repr(content: object) -> str:
    """Return content in a few words: all but words by kind and size."""
    if isinstance(content, bytes | bytearray):
        return f"<{len(content):,} bytes>"
    if (shape := getattr(content, "shape", None)) is not None:
        return f"<{type(content).__name__} of shape {tuple(shape)}>"
    text = repr(content)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@dataclass(frozen=True, repr=False)
class Query:
    """A query in one modality.

    Attributes:
        modality: of the query: text, image, speech, tones, ...
        content: what a model encodes (words, a picture, a waveform); None takes the gallery's own embedding
            of the item `id`.
        id: the true item, if known; its rank is then reported.
    """

    modality: str
    content: Any = None
    id: str | None = None

    def __repr__(self) -> str:
        """Return the query in one short line."""
        named = [repr(self.modality)]
        if self.content is not None:
            named.append(f"content={_short_repr(self.content)}")
        if self.id is not None:
            named.append(f"id={self.id!r}")
        return f"Query({', '.join(named)})"

    @property
    def parts(self) -> tuple["Query", ...]:
        """The parts, as of a joint query: this alone."""
        return (self,)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities, as of a joint query: one."""
        return (self.modality,)


@dataclass(frozen=True)
class JointQuery:
    """A query in several modalities at once, such as a drawing and a recording.

    One Gram matrix holds all: a candidate's score is the measure's of the anchor part t and (q_2, ..., m_2, ...), the
    other parts followed by the candidate's own vectors. So volume is that of everything together, whichever part is
    the anchor; height is how far the anchor part stands off the span of the rest. Mean cosine ranks by the
    anchor part alone: the other parts add the same to every item's score.

    Attributes:
        parts: one query a modality. The part in the gallery's anchor modality is the anchor, else the first.

    Raises:
        ValueError: no part, or two of one modality.

    Example:
        >>> JointQuery((Query("text", id="4721"), Query("image", id="4721"))).id
        '4721'
    """

    parts: tuple[Query, ...]

    def __post_init__(self) -> None:
        names = [part.modality for part in self.parts]
        if not names:
            raise ValueError("parts: expected one query or more, got none")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"parts: {name!r} comes twice; ask with each modality once")

    @property
    def id(self) -> str | None:
        """The item that the parts name; None where they name none or differ."""
        named = {part.id for part in self.parts if part.id is not None}
        return named.pop() if len(named) == 1 else None

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities, in the order of the parts."""
        return tuple(part.modality for part in self.parts)


AnyQuery = Query | JointQuery


class Encoder(Protocol):
    """A model that embeds inputs of a modality as unit vectors."""

    def encode(self, modality: str, inputs: Sequence[Any]) -> Float[Tensor, "n d"]:
        """Return one vector an input."""


def as_anchors(queries: Tensor | np.ndarray, d: int) -> Float[Tensor, "q d"]:
    """Return vectors (q, d), or one (d,), as a float64 tensor (q, d).

    Raises:
        ValueError: they are of another shape, or no floating numbers.
    """
    anchors = torch.as_tensor(np.array(queries) if isinstance(queries, np.ndarray) else queries)
    anchors = anchors[None] if anchors.ndim == 1 else anchors
    if anchors.ndim != 2 or anchors.shape[1] != d or not anchors.is_floating_point():
        raise ValueError(
            f"queries: expected floating numbers of shape (q, {d}) or ({d},), "
            f"got {anchors.dtype} of shape {tuple(queries.shape)}"
        )
    return anchors.detach().double()


def as_query(query: AnyQuery | str) -> AnyQuery:
    """Return a query; words are one in text."""
    return Query("text", query) if isinstance(query, str) else query


def embed(
    query: AnyQuery,
    *,
    gallery: EmbeddingSet | None,
    candidates: Sequence[str],
    model: Encoder | None,
    normalize: bool,
    d: int | None = None,
) -> dict[str, Float[Tensor, " d"]]:
    """Return the vector of each part of a query by modality, that of the gallery's anchor modality first.

    `normalize` scales an item's own vector to length one; d is that of the candidates' vectors, the gallery's if None.

    Raises:
        ValueError: see `Searcher.search`.
    """
    anchor = None if gallery is None else gallery.anchor
    parts = sorted(query.parts, key=lambda part: part.modality != anchor)
    d = gallery.d if d is None and gallery is not None else d
    return {part.modality: _embed_part(part, gallery, candidates, model, normalize, d) for part in parts}


def _embed_part(
    query: Query,
    gallery: EmbeddingSet | None,
    candidates: Sequence[str],
    model: Encoder | None,
    normalize: bool,
    d: int | None,
) -> Float[Tensor, " d"]:
    if query.modality in candidates:
        raise ValueError(
            f"candidates must leave out the query's own modality; both have {query.modality!r}: use candidates_for()"
        )
    if query.content is not None:
        if model is None:
            raise ValueError("a query with content needs a model to embed it; give model=")
        vector = model.encode(query.modality, [query.content])[0]
        if len(vector) != d:
            raise ValueError(
                f"model embeds in {len(vector)} dimensions and the gallery has {d}: "
                "give the model that made the gallery"
            )
        return vector
    if query.id is None:
        raise ValueError("query must have content to encode or the id of an item; it has neither")
    if gallery is None:
        raise ValueError(f"query names item {query.id!r}; give gallery=, the set that it is in")
    if (row := gallery.find(query.id)) is None:
        raise ValueError(f"query names item {query.id!r}, which is not in the gallery; give its content")
    if query.modality not in gallery.modalities:
        known = ", ".join(gallery.modalities)
        raise ValueError(f"query has modality {query.modality!r}; the gallery has {known}")
    vector = gallery.modalities[query.modality][row]
    vector = vector.double() if normalize else vector.float()
    if bool(vector.isnan().any()):
        raise ValueError(f"query names item {query.id!r}, which lacks {query.modality}; choose another modality")
    return torch.nn.functional.normalize(vector, dim=0) if normalize else vector


def candidates_for(modality: str | Sequence[str], chosen: Sequence[str], *, gallery: EmbeddingSet) -> tuple[str, ...]:
    """Return the candidate modalities: those chosen and the anchor, without the query's own.

    Example: of image, speech and tones, a text query keeps all; an image query gets text, speech and tones; a query of
    image and speech gets text and tones.

    Raises:
        ValueError: the query has them all, so that nothing is left to judge by.
    """
    own = {modality} if isinstance(modality, str) else set(modality)
    wanted = {*chosen, gallery.anchor}
    left = tuple(name for name in gallery.modalities if name in wanted - own)
    if not left:
        raise ValueError(
            f"the query has {', '.join(name for name in gallery.modalities if name in wanted)}, and nothing is left "
            "to judge items by: ask with fewer modalities or choose more candidates"
        )
    return left
