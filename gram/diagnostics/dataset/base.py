"""What a diagnosis says: findings, what was looked at, and both as text."""

from dataclasses import asdict, dataclass, field
from typing import Any

FAULT_CAUSES = (
    "hubs", "sign-flip", "degenerate", "unresolved", "missing", "collapse", "modality-gap", "imbalance", "noise",
    "swapped", "duplicates",
)  # fmt: skip
LISTED = 20  # items that a finding names


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a set.

    Attributes:
        cause: one of `FAULT_CAUSES`.
        severity: in [0, 1], about the share of queries that it costs or puts at risk.
        title: what it is, in a few words.
        text: one plain sentence, built from `numbers` alone.
        modalities: those it is about.
        items: ids of items that show it, the worst first where there is an order, 20 at the most.
        numbers: what was measured.
        remedy: what to do about it.
    """

    cause: str
    severity: float
    title: str
    text: str
    modalities: tuple[str, ...]
    items: tuple[str, ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was looked at for one cause or two, found or not.

    Attributes:
        cause: one of `FAULT_CAUSES`.
        text: one line with what was measured.
        found: whether it is a finding.
    """

    cause: str
    text: str
    found: bool


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What is wrong with a set, and what was looked at.

    Attributes:
        name: of the set.
        query: the modality that asks.
        candidates: those that answer.
        measure: what ranks.
        recall: R@1 of that task, on the sample.
        interval: its 95 % bootstrap interval.
        findings: what is wrong, worst first.
        checked: what was looked at, in a fixed order.
        sampled: how many items were looked at, of how many; swapped, duplicate, missing and degenerate rows are looked
            for in all of them.
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
        if cause not in FAULT_CAUSES:
            raise ValueError(f"cause: expected one of {', '.join(FAULT_CAUSES)}, got {cause!r}")
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
        """Return the findings as text, worst first, and below them what was looked at and found in order."""
        looked, items = self.sampled
        size = f"{items:,} items" if looked == items else f"a sample of {looked:,} of {items:,} items"
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
        in_order = [check for check in self.checked if not check.found]
        if not self.findings:
            lines += ["Nothing is wrong that this looks for.", ""]
        if in_order:
            lines.append("In order:")
            lines += [f"  {check.cause:<13} {check.text}" for check in in_order]
        return "\n".join(lines)
