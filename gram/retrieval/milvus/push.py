"""The items of an embedding set as rows of a collection, and their upload."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from gram.core.progress import Progress
from gram.data.embedding_set import EmbeddingSet, unit_rows
from gram.errors import EmbeddingSetError
from gram.geometry.orthonormal import orthonormalize
from gram.retrieval.milvus.collection import LONGEST_ID, SLOTS, Collection, Layout, Row, has_field, vector_field
from gram.retrieval.task import rows_with_candidates


class Pushed(NamedTuple):
    """What a push did.

    Attributes:
        sent: how many items it sent.
        kept: how many the collection had already, with the same vectors.
        left_out: how many have none of the candidate modalities.
    """

    sent: int
    kept: int
    left_out: int


def check_items(embedding_set: EmbeddingSet, layout: Layout) -> tuple[list[int], list[str]]:
    """Return the rows and ids of the items that a collection can hold.

    Raises:
        EmbeddingSetError: no item has any of the modalities; an id is longer than Milvus holds.
    """
    rows = rows_with_candidates(embedding_set, layout.modalities).tolist()
    ids = embedding_set.items["id"].iloc[rows].astype(str).tolist()
    for row, item in zip(rows, ids):
        if (size := len(item.encode())) > LONGEST_ID:
            raise EmbeddingSetError(
                f"row {row}: its id '{item[:40]}…' is {size:,} bytes long, and Milvus holds up to {LONGEST_ID:,}; "
                "give shorter ids"
            )
    return rows, ids


def push_items(collection: Collection, layout: Layout, embedding_set: EmbeddingSet, progress: Progress) -> Pushed:
    """Send the new and changed items of a set, batch by batch."""
    rows, ids = check_items(embedding_set, layout)
    sent = 0
    for start in range(0, len(rows), layout.batch):
        block = slice(start, start + layout.batch)
        vectors, known = unit_vectors(embedding_set, layout, rows[block]), collection.digests(ids[block])
        new = [place for place, each in enumerate(digests_of(vectors)) if known.get(ids[start + place]) != each]
        if new:
            collection.upsert(rows_of(layout, [ids[start + place] for place in new], vectors[new]))
        sent += len(new)
        done = min(block.stop, len(rows))
        progress(done / len(rows), f"{done:,} of {len(rows):,} items")
    if sent:
        collection.flush()
    return Pushed(sent, len(rows) - sent, len(embedding_set) - len(rows))


def unit_vectors(embedding_set: EmbeddingSet, layout: Layout, rows: Sequence[int]) -> Float[np.ndarray, "n m d"]:
    """Return items' vectors, scaled to length one; NaN where an item lacks one."""
    taken = [unit_rows(embedding_set.modalities[name][torch.as_tensor(rows)]) for name in layout.modalities]
    return torch.stack(taken, dim=1).numpy()


def digests_of(vectors: Float[np.ndarray, "n m d"]) -> list[str]:
    """Return a digest of each item's vectors and of which are missing."""
    return [blake2b(item.tobytes(), digest_size=16).hexdigest() for item in np.nan_to_num(vectors)]


def rows_of(layout: Layout, ids: Sequence[str], vectors: Float[np.ndarray, "n m d"]) -> list[Row]:
    """Return items as rows of a collection; its module lists their fields."""
    present, filled = ~np.isnan(vectors).any(axis=2), np.nan_to_num(vectors)
    bases = orthonormalize(torch.from_numpy(vectors).double()).volume.tolist()
    digests = digests_of(vectors)
    return [
        {"id": item, "digest": digests[number], "base": bases[number]}
        | {"there": int(present[number].sum()), "slot": _slot(item)}
        | {vector_field(name): filled[number, place] for place, name in enumerate(layout.modalities)}
        | {has_field(name): bool(present[number, place]) for place, name in enumerate(layout.modalities)}
        for number, item in enumerate(ids)
    ]


def _slot(item: str) -> int:
    return int.from_bytes(blake2b(item.encode(), digest_size=8).digest(), "little") % SLOTS
