"""Items that lack modalities, in words: how many of a set, which of an item, and which item has most to show."""

from collections.abc import Sequence

import streamlit as st
import torch

from app.text import escape_markdown
from gram.data.embedding_set import EmbeddingSet


def show(embedding_set: EmbeddingSet) -> None:
    """Say below a page's first sentence how many items lack what; nothing on a set that is complete."""
    if told := counts(embedding_set):
        st.caption(f":material/grid_off: {escape_markdown(told)}")


def counts(embedding_set: EmbeddingSet) -> str:
    """Return how many items lack what, as "Of 2,000 items, 16 lack text and 628 lack image."; "" where none does.

    Of a sample of a set it says that it is one.
    """
    lacking = {name: count for name, count in embedding_set.missing().items() if count}
    if not lacking:
        return ""
    whole = embedding_set.info.get("sampled_from")
    items = f"a sample of {len(embedding_set):,} of {whole:,} items" if whole else f"{len(embedding_set):,} items"
    return (
        f"Of {items}, {listed([f'{count:,} lack {name}' for name, count in lacking.items()])}; "
        "what an item lacks is left out of its numbers."
    )


def lacks(embedding_set: EmbeddingSet, row: int, names: Sequence[str]) -> list[str]:
    """Return which of some modalities an item lacks."""
    return [name for name in names if not embedding_set.has(row, name)]


def unranked(embedding_set: EmbeddingSet, item: str, candidates: Sequence[str], *, query: str) -> str:
    """Return why an item is not ranked among others, in a line without its full stop; "" where it is, or not here."""
    row = embedding_set.find(item)
    if row is None:  # of a set shown by a sample; pages say so themselves
        return ""
    if lacks(embedding_set, row, [query]):
        return f"{item} lacks {query}, which asks"
    if len(lacks(embedding_set, row, candidates)) == len(candidates):
        return f"{item} has none of {', '.join(candidates)}"
    return ""


def fullest(embedding_set: EmbeddingSet, preferred: str) -> str:
    """Return the id of an item with the anchor and as many modalities as any such has: the preferred one, or the first.

    Where no item has the anchor, of all items.
    """
    ids = embedding_set.items["id"].astype(str)
    there = torch.stack([embedding_set.present(name) for name in embedding_set.names])
    anchor = embedding_set.present(embedding_set.anchor)
    worth = there.sum(dim=0) + len(embedding_set.names) * anchor
    best = (worth == worth.max()).numpy()
    return preferred if bool((ids[best] == preferred).any()) else str(ids[best].iloc[0])


def listed(names: Sequence[str]) -> str:
    """Return names as people list them: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
