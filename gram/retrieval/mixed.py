"""Whether a measure's scores are comparable between items with different numbers of modalities.

An item is scored by the vectors it has. Where `Measure.comparable_across_k` is False, rank by `normalized-volume`,
which ranks as volume does on complete sets, or by `height`.
"""

from collections.abc import Mapping, Sequence

import torch

from gram import measures
from gram.data.embedding_set import EmbeddingSet

INSTEAD = ("normalized-volume", "height")


def counts_by_size(
    embedding_set: EmbeddingSet, candidates: Sequence[str], *, query: str | None = None
) -> Mapping[int, int]:
    """Return how many items have 1, 2, ... of the candidate modalities, without the counts that are 0.

    Args:
        embedding_set: the gallery.
        candidates: names of one modality or more.
        query: count only items that have this modality too, as `gram.evaluate` ranks; None for all.

    Raises:
        ValueError: the set lacks one of these modalities.
    """
    present = torch.stack([embedding_set.present(name) for name in candidates]).sum(dim=0)
    if query is not None:
        present = present[embedding_set.present(query)]
    sizes = torch.bincount(present).tolist()
    return {size: count for size, count in enumerate(sizes) if size and count}


def comparable(
    embedding_set: EmbeddingSet, candidates: Sequence[str], measure: str, *, query: str | None = None
) -> bool:
    """Return whether a measure's scores of all candidates of a set go into one ranking.

    They do if every candidate has as many vectors as any other, or if the measure is made for unlike ones.

    Args:
        embedding_set: the gallery.
        candidates: names of one modality or more.
        measure: one of `gram.measures.names()`.
        query: as in `counts_by_size`.

    Raises:
        ValueError: unknown measure or modality.
    """
    return measures.get(measure).comparable_across_k or len(counts_by_size(embedding_set, candidates, query=query)) < 2


def warning_for(
    embedding_set: EmbeddingSet, candidates: Sequence[str], measure: str, *, query: str | None = None
) -> str:
    """Return a one-line warning where a measure does not compare all candidates, with their counts; "" where it does.

    Arguments and errors are those of `comparable`.
    """
    if comparable(embedding_set, candidates, measure, query=query):
        return ""
    counts = counts_by_size(embedding_set, candidates, query=query)
    sizes = ", ".join(f"{count:,} with {size}" for size, count in counts.items())
    return (
        f"{measures.get(measure).title} is not comparable between candidates with different numbers of modalities "
        f"({sizes}): rank by {' or '.join(INSTEAD)}."
    )


def recommended_measure(
    embedding_set: EmbeddingSet, candidates: Sequence[str], measure: str = "volume", *, query: str | None = None
) -> str:
    """Return the given measure, or the normalised volume where the given one does not compare all candidates.

    Arguments and errors are those of `comparable`.
    """
    return measure if comparable(embedding_set, candidates, measure, query=query) else INSTEAD[0]
