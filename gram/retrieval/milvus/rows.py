"""The items of an embedding set as rows of a collection, and queries of it."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet, unit_rows
from gram.errors import EmbeddingSetError
from gram.geometry.orthonormal import orthonormalize
from gram.retrieval.milvus.collection import LONGEST_ID, SLOTS, Layout, Row, has_field, vector_field
from gram.retrieval.query import as_anchors


def check_ids(embedding_set: EmbeddingSet, rows: Sequence[int]) -> list[str]:
    """Return the ids of some items as text.

    Raises:
        EmbeddingSetError: one is longer than Milvus holds.
    """
    ids = embedding_set.items["id"].iloc[np.asarray(rows)].astype(str).tolist()
    for row, item in zip(rows, ids):
        if (size := len(item.encode())) > LONGEST_ID:
            raise EmbeddingSetError(
                f"row {row}: its id '{item[:40]}…' is {size:,} bytes long, and Milvus holds up to {LONGEST_ID:,}; "
                "give shorter ids"
            )
    return ids


def unit_vectors(embedding_set: EmbeddingSet, layout: Layout, rows: Sequence[int]) -> Float[np.ndarray, "n m d"]:
    """Return the vectors of some items, of length one; NaN where one is missing."""
    taken = [unit_rows(embedding_set.modalities[name][torch.as_tensor(rows)]) for name in layout.modalities]
    return torch.stack(taken, dim=1).numpy()


def digests_of(vectors: Float[np.ndarray, "n m d"]) -> list[str]:
    """Return a digest of each item's vectors: equal where all are, and which are missing."""
    return [blake2b(item.tobytes(), digest_size=16).hexdigest() for item in np.nan_to_num(vectors)]


def rows_of(layout: Layout, ids: Sequence[str], vectors: Float[np.ndarray, "n m d"]) -> list[Row]:
    """Return the rows that hold these items: see `_collection` for their fields."""
    there = ~np.isnan(vectors).any(axis=2)
    filled = np.nan_to_num(vectors)
    bases = orthonormalize(torch.from_numpy(vectors).double()).volume.tolist()
    digests = digests_of(vectors)
    return [
        {"id": item, "digest": digests[number], "base": bases[number]}
        | {"there": int(there[number].sum()), "slot": _slot(item)}
        | {vector_field(name): filled[number, place] for place, name in enumerate(layout.modalities)}
        | {has_field(name): bool(there[number, place]) for place, name in enumerate(layout.modalities)}
        for number, item in enumerate(ids)
    ]


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


def _slot(item: str) -> int:
    return int.from_bytes(blake2b(item.encode(), digest_size=8).digest(), "little") % SLOTS
