"""Kinds of faults of a set: a registry of checks, one file each.

A new fault is one file, in this package or named in `GRAM_PLUGINS`. It declares all that is known of the fault:

    @register("constant", order=200)
    def check(context: DiagnosisContext) -> Checked:
        '''Look for a modality whose vectors are all equal.'''
        equal = [name for name, rows in context.part.modalities.items() if bool((rows == rows[0]).all())]
        looked_at = f"{len(equal)} modalities have equal vectors throughout"
        return looked_at, [Finding(cause="constant", severity=1.0, ...)] if equal else []

`diagnose` runs it, the command line and the Failures page show it, and with `plant=` `make_faulty_set` makes sets that
have it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gram.core.registry import Registry
from gram.diagnostics.dataset.context import DiagnosisContext


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a set.

    Attributes:
        cause: name of the fault, one of `FAULTS`.
        severity: in [0, 1], about the share of queries that it costs or puts at risk.
        title: what it is, in a few words.
        text: one plain sentence, built from `numbers` alone.
        modalities: those it is about.
        items: ids of items that show it, the worst first where there is an order, at most 20.
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


Checked = tuple[str, list[Finding]]  # one line with what was measured, and the findings: none where all is in order


@dataclass(frozen=True, eq=False)
class CleanSet:
    """Vectors of a set without faults, to plant one in.

    Attributes:
        rows: modality -> (n, d) unit vectors, the anchor first; planting a fault changes them.
        rng: source of random draws.
    """

    rows: dict[str, np.ndarray]
    rng: np.random.Generator

    @property
    def anchor(self) -> str:
        """The first modality."""
        return next(iter(self.rows))

    @property
    def candidates(self) -> list[str]:
        """The other modalities."""
        return list(self.rows)[1:]

    def draw_items(self, low: float, high: float) -> np.ndarray:
        """Return a random share of the items between low and high, at least 4, in random order."""
        n = len(self.rows[self.anchor])
        return self.rng.choice(n, size=max(4, round(n * self.rng.uniform(low, high))), replace=False)


Plant = Callable[[CleanSet], dict[str, Any]]
CheckFunction = Callable[[DiagnosisContext], Checked]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A kind of fault of a whole set.

    Attributes:
        name: the cause of its findings.
        order: place among the checks; findings of equal severity are listed in this order, too.
        stage: what `diagnose` reports as progress while it looks for it.
        check: returns what was looked at, and the findings.
        plant: puts the fault into a clean set and returns what it did, with "modalities" and "items" (rows); None
            where no sets with this fault can be made.
        min_modalities: how many modalities a set needs to show it.
    """

    name: str
    order: float
    stage: str
    check: CheckFunction
    plant: Plant | None = None
    min_modalities: int = 2


FAULTS: Registry[Fault] = Registry("fault", "gram.diagnostics.dataset", order=lambda fault: fault.order)


def register(name: str, *, stage: str = "", **attributes: Any) -> Callable[[CheckFunction], CheckFunction]:
    """Return a decorator that registers a check with these attributes of `Fault`; stage is the name if empty."""

    def decorate(check: CheckFunction) -> CheckFunction:
        FAULTS.register(name, Fault(name=name, stage=stage or name, check=check, **attributes))
        return check

    return decorate


def log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Return a number between two ends whose logarithm is uniform."""
    return float(np.exp(rng.uniform(*np.log(ends))))


def unit(rows: np.ndarray) -> np.ndarray:
    """Return the rows divided by their lengths."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
