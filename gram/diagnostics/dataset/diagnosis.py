"""What is wrong with a set, worst first: `diagnose` runs every check of `FAULTS`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import FAULTS, Finding
from gram.diagnostics.dataset.context import DiagnosisContext
from gram.retrieval.task import RetrievalTask

SAMPLE = 2000  # items that are ranked among each other at most


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was looked at for one fault, found or not.

    Attributes:
        cause: name of the fault, one of `FAULTS`.
        text: one line with what was measured.
        found: whether there is a finding.
    """

    cause: str
    text: str
    found: bool


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a set, and what was looked at.

    Attributes:
        name: of the set.
        query: the query modality.
        candidates: the candidate modalities.
        measure: name of the measure.
        recall: R@1 of that task, on the sample.
        interval: its 95 % bootstrap interval.
        findings: what is wrong, worst first.
        checked: what was looked at, a check a fault, in the order of `FAULTS`.
        sampled: how many items were ranked, of how many; swapped, duplicate, missing and degenerate rows are looked for
            in all of them.
    """

    name: str
    query: str
    candidates: tuple[str, ...]
    measure: str
    recall: float
    interval: tuple[float, float]
    findings: tuple[Finding, ...]
    checked: tuple[Check, ...]
    sampled: tuple[int, int]

    def of(self, cause: str) -> Finding | None:
        """Return the worst finding of a cause; None where there is none.

        Raises:
            ValueError: an unknown cause.
        """
        if cause not in FAULTS:
            raise ValueError(f"cause: expected one of {', '.join(FAULTS)}, got {cause!r}")
        return next((finding for finding in self.findings if finding.cause == cause), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as plain numbers and text, ready for JSON."""
        return {
            "set": self.name,
            "query": self.query,
            "candidates": list(self.candidates),
            "measure": self.measure,
            "items": self.sampled[1],
            "sampled": self.sampled[0],
            "R@1": self.recall,
            "interval": list(self.interval),
            "findings": [
                {**asdict(finding), "modalities": list(finding.modalities), "items": list(finding.items)}
                for finding in self.findings
            ],
            "checked": [asdict(check) for check in self.checked],
        }

    def __str__(self) -> str:
        """Return the findings as text, worst first, then what was looked at and is in order."""
        sample, items = self.sampled
        size = f"{items:,} items" if sample == items else f"a sample of {sample:,} of {items:,} items"
        low, high = self.interval
        lines = [
            f"{self.query} -> {' + '.join(self.candidates)} by {self.measure}, {size}, "
            f"R@1 {100 * self.recall:.1f} % [{100 * low:.1f}, {100 * high:.1f}]",
            "",
        ]
        for finding in self.findings:
            lines += [f"{finding.title}  ({finding.cause}, severity {finding.severity:.2f})", f"  {finding.text}"]
            lines += [f"  To do: {finding.remedy}"] if finding.remedy else []
            lines += [f"  Items: {', '.join(finding.items)}"] if finding.items else []
            lines.append("")
        if not self.findings:
            lines += ["Nothing is wrong that this looks for.", ""]
        in_order = [f"  {check.cause:<13} {check.text}" for check in self.checked if not check.found]
        return "\n".join([*lines, "In order:", *in_order] if in_order else lines)


def diagnose(
    embedding_set: EmbeddingSet,
    query: str | None = None,
    candidates: Sequence[str] | None = None,
    measure: str = "volume",
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress = no_progress,
) -> Diagnosis:
    """Return what is wrong with a set for one retrieval task, worst first, and what was looked at.

    Args:
        embedding_set: n items in k modalities; ranked by vectors as given, otherwise examined as unit vectors.
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
        >>> from gram.diagnostics import make_faulty_set
        >>> [finding.cause for finding in diagnose(make_faulty_set("hubs", seed=0)).findings]
        ['hubs']
    """
    if sample < 2:
        raise ValueError(f"sample: expected at least 2 items, got {sample}")
    task = RetrievalTask(embedding_set, query, candidates, measure, device=device)
    context, findings, checked = _context(task, sample=sample, seed=seed), list[Finding](), list[Check]()
    for done, fault in enumerate(FAULTS.values()):
        progress(done / len(FAULTS), fault.stage)
        looked_at, found = fault.check(context)
        findings += found
        checked.append(Check(cause=fault.name, text=looked_at, found=bool(found)))
    progress(1.0, "done")
    return Diagnosis(
        name=str(embedding_set.info.get("name", "unnamed")), query=task.query, candidates=task.candidates,
        measure=task.measure, recall=context.before.recall[1], interval=context.before.interval("R@1"),
        findings=tuple(sorted(findings, key=lambda finding: -finding.severity)), checked=tuple(checked),
        sampled=(context.before.n, len(task)),
    )  # fmt: skip


def _context(task: RetrievalTask, *, sample: int, seed: int) -> DiagnosisContext:
    """Return the set with the task's modalities alone, and a sample of its ranked items."""
    given, rows = task.embedding_set, task.rows.numpy()
    whole = EmbeddingSet(
        {name: given.modalities[name] for name in given.names if name in task.names},
        given.items,
        {**given.info, "anchor": task.query},
    )
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:sample])
    part = whole if len(rows) == len(whole) else whole.subset(rows)
    return DiagnosisContext(
        whole=whole, part=part, query=task.query, candidates=task.candidates, measure=task.measure, device=task.device,
        seed=seed,
    )  # fmt: skip
