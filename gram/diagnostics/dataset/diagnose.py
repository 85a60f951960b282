"""What is wrong with a set, worst first: `diagnose` looks for every cause and says what it found in plain words."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import FAULT_CAUSES, Check, Diagnosis, Finding
from gram.diagnostics.dataset.context import DiagnosisContext, Judgement
from gram.diagnostics.dataset.judged_items import check_duplicates, check_hubs, check_rows, check_swapped
from gram.diagnostics.dataset.judged_modalities import (
    check_collapse,
    check_imbalance,
    check_modality_gap,
    check_sign_flips,
)
from gram.diagnostics.dataset.task import Task, task_of

__all__ = ["FAULT_CAUSES", "Check", "Diagnosis", "Finding", "diagnose"]

Progress = Callable[[float, str], None]

CHECKS: dict[str, Callable[[DiagnosisContext], Judgement]] = {
    "hubs": check_hubs,
    "subsets of the candidates": check_imbalance,
    "signs": check_sign_flips,
    "single items": check_rows,
    "collapse": check_collapse,
    "modality gap": check_modality_gap,
    "swapped rows": check_swapped,
    "duplicates": check_duplicates,
}

SAMPLE = 2000  # items that are ranked among each other at most


def diagnose(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Diagnosis:
    """Return what is wrong with a set for one retrieval task, worst first, and what was looked at.

    Args:
        embedding_set: n items in k modalities; vectors are used as given to rank, and normalised for the rest.
        query: name of a modality; the set's anchor if None.
        candidates: names of one modality or more; all but the query if None.
        measure: one of `gram.measures.names()`.
        sample: of more items than this, so many are drawn to be ranked among each other.
        seed: of the draw.
        device: "cpu", "cuda", or "auto" for cuda where there is one.
        progress: called with the share done, 1 at the end, and what comes next; an exception from it stops the work.

    Raises:
        ValueError: unknown modality, measure or device; a query that is also a candidate; a number of candidates that
            the measure is not defined for; a sample below 2.
        EmbeddingSetError: no item has the query and a candidate.

    Example:
        >>> from gram.diagnostics.dataset.synthetic import make_faulty_set
        >>> [finding.cause for finding in diagnose(make_faulty_set("hubs", seed=0)).findings]
        ['hubs']
    """
    if sample < 2:
        raise ValueError(f"sample: expected at least 2 items, got {sample}")
    context, of = _context(task_of(embedding_set, query, candidates, measure), sample=sample, seed=seed, device=device)
    findings: list[Finding] = []
    checked: list[Check] = []
    for done, (stage, judge) in enumerate(CHECKS.items()):
        if progress is not None:
            progress(done / len(CHECKS), stage)
        found, looked_at = judge(context)
        findings += found
        checked += looked_at
    if progress is not None:
        progress(1.0, "done")
    return Diagnosis(
        name=str(embedding_set.info.get("name", "unnamed")), query=context.query, candidates=context.candidates,
        measure=context.measure, recall=context.before.recall[1], interval=context.before.interval("R@1"),
        findings=tuple(sorted(findings, key=lambda finding: (-finding.severity, FAULT_CAUSES.index(finding.cause)))),
        checked=tuple(checked), sampled=(context.before.n, of),
    )  # fmt: skip


def _context(task: Task, *, sample: int, seed: int, device: str | torch.device) -> tuple[DiagnosisContext, int]:
    """Return the set with the task's modalities alone and a sample of its ranked items, and how many there are."""
    whole = task.embedding_set
    named = EmbeddingSet(
        {name: whole.modalities[name] for name in whole.names if name in task.names},
        whole.items,
        {**whole.info, "anchor": task.query},
    )
    rows = task.rows.numpy()
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:sample])
    part = named if len(rows) == len(named) else named.subset(rows)
    return DiagnosisContext(
        whole=named, part=part, query=task.query, candidates=task.candidates, measure=task.measure, device=device,
        seed=seed,
    ), len(task.rows)  # fmt: skip
