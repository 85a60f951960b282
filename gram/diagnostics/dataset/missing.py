"""Missing modalities: how many items lack which, and how those items rank."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, Finding, register
from gram.diagnostics.dataset.context import DiagnosisContext, join_names, percent
from gram.retrieval.task import RetrievalTask


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Items that lack modalities of a task.

    Attributes:
        counts: by modality of the task, how many items lack it.
        rows: (m,) rows of the items that lack any of them.
    """

    counts: dict[str, int]
    rows: Int[np.ndarray, " m"]


def find_missing(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> Missing:
    """Return which items lack modalities of a task.

    Args and errors: as `gram.evaluate`.
    """
    task = RetrievalTask(embedding_set, query, candidates, "volume")
    lacking = {name: ~embedding_set.present(name) for name in task.names}
    return Missing(
        counts={name: int(rows.sum()) for name, rows in lacking.items()},
        rows=torch.stack(list(lacking.values())).any(dim=0).nonzero().flatten().numpy(),
    )


@register("missing", order=70, stage="missing modalities")
def check_missing(context: DiagnosisContext) -> Checked:
    """Check whether items lack modalities."""
    missing, n = find_missing(context.whole, context.query, context.candidates), len(context.whole)
    incomplete = len(missing.rows)
    looked_at = f"{incomplete:,} of {n:,} items lack a modality"
    if not incomplete:
        return looked_at, []
    lacking = {name: count for name, count in missing.counts.items() if count}
    numbers: dict[str, object] = {"items": incomplete, "of": n, "missing": lacking}
    text = f"{looked_at}: {join_names([f'{name} ({count:,})' for name, count in lacking.items()])}"
    right, part = context.before.per_item("R@1").numpy(), context.part
    complete = torch.stack([part.present(name) for name in part.names]).all(dim=0)[context.before.rows].numpy()
    if complete.any() and not complete.all():
        recalls = {"complete": float(right[complete].mean()), "incomplete": float(right[~complete].mean())}
        numbers |= {f"recall_{which}": recall for which, recall in recalls.items()}
        text += (
            f"; R@1 of those that are ranked all the same is {percent(recalls['incomplete'])}, of complete items "
            f"{percent(recalls['complete'])}"
        )
    finding = Finding(
        cause="missing", severity=0.5 * incomplete / n, title="Items lack modalities", text=f"{text}.",
        modalities=tuple(lacking), items=context.ids(missing.rows, of=context.whole), numbers=numbers,
        remedy="Fill them in, judge complete items alone, or rank by normalized-volume or height: volumes of fewer "
        "vectors are not comparable.",
    )  # fmt: skip
    return looked_at, [finding]
