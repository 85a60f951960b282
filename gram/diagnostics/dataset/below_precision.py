"""Items below precision: volumes that the stored numbers cannot distinguish from 0."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import Checked, Finding, register
from gram.diagnostics.dataset.collinear import ITEMS_AT_ONCE, coarsest_dtype, collinear_of
from gram.diagnostics.dataset.context import DiagnosisContext
from gram.geometry import heights
from gram.geometry.orthonormal import tolerance
from gram.retrieval.task import RetrievalTask


@dataclass(frozen=True, kw_only=True)
class BelowPrecision:
    """Items whose volume over the task's modalities is indistinguishable from 0.

    Attributes:
        dtype: the precision of the least precise modality.
        rows: (m,) rows of those items: a vector is no farther from the span of the others than rounding has moved it.
    """

    dtype: torch.dtype
    rows: Int[np.ndarray, " m"]


def find_below_precision(
    embedding_set: EmbeddingSet, query: str | None = None, candidates: Sequence[str] | None = None
) -> BelowPrecision:
    """Return the items with a vector whose height over the others is no more than rounding.

    Where one height is that small, rounding the vectors changes the volume by all of its size.

    Args and errors: as `gram.evaluate`; vectors are used as given.
    """
    task = RetrievalTask(embedding_set, query, candidates, "volume")
    vectors = [embedding_set.modalities[name] for name in task.names]
    dtype, found = coarsest_dtype(vectors), []
    for parts in zip(*(rows.split(ITEMS_AT_ONCE) for rows in vectors)):
        stacked = torch.stack(parts, dim=1).double()
        count = (~stacked.isnan().any(dim=-1)).sum(dim=1)
        # With more vectors than dimensions all heights are 0, whatever the item.
        counted = (count >= 2) & (count <= stacked.shape[-1])
        rest = heights(stacked) / torch.linalg.vector_norm(stacked, dim=-1)
        found.append(counted & (rest.nan_to_num(1.0).min(dim=1).values <= tolerance(len(vectors), dtype)))
    return BelowPrecision(dtype=dtype, rows=torch.cat(found).nonzero().flatten().numpy())


@register("unresolved", order=60, stage="precision")
def check_below_precision(context: DiagnosisContext) -> Checked:
    """Check whether items have volumes below precision, other than those with collinear vectors."""
    found, n = find_below_precision(context.whole, context.query, context.candidates), len(context.whole)
    precision = str(found.dtype).removeprefix("torch.")
    rows = np.setdiff1d(found.rows, context.once(collinear_of).rows)
    looked_at = f"{len(rows):,} of {n:,} items have volumes that {precision} cannot tell from 0"
    if not len(rows):
        return looked_at, []
    finding = Finding(
        cause="unresolved", severity=len(rows) / n, title="Volumes below what the numbers resolve",
        text=f"{len(rows):,} of {n:,} items have a vector that is no farther from the span of its other vectors than "
        f"rounding to {precision} moves it: their volumes are noise.",
        modalities=(context.query, *context.candidates), items=context.ids(rows, of=context.whole),
        numbers={"items": len(rows), "of": n, "precision": precision},
        remedy="Store the vectors in float32." if precision == "float16" else "Rank by a cosine measure.",
    )  # fmt: skip
    return looked_at, [finding]
