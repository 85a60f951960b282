"""Evidence: what GRAM gives, measured here, on the spoken numbers, under one loop for every arm.

Each experiment is a module with `runs(budget)`, what it trains; `table(outcomes)`, its tidy table (see `tables`);
`finding(table)`, one plain sentence computed from it, and `headline(table)`, the same in short. Runs are trained once
and shared (`work`), at one of three budgets (`runs.BUDGETS`); `run_experiment` keeps a table as Parquet, `load` reads
it, `CLAIMS` says what was claimed.

>>> from gram import experiments
>>> list(experiments.EXPERIMENTS)[:3]
['losses-and-measures', 'modalities', 'volume-as-metric']
"""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pandas as pd

from gram.core.device import select_device
from gram.experiments import (
    coarse_and_fine,
    losses_and_measures,
    modalities,
    rivals,
    sensitivity,
    space,
    unequal,
    volume_as_metric,
)
from gram.experiments.claims import CLAIMS, Claim
from gram.experiments.outcomes import load_outcome, runs_folder
from gram.experiments.runs import BUDGETS, Budget, RunConfig
from gram.experiments.saved import EVIDENCE, facts_of, load, save
from gram.experiments.work import Progress, Workspace, expected_seconds, outcomes, outstanding, silent, unique

EXPERIMENTS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        losses_and_measures, modalities, volume_as_metric, sensitivity, unequal, coarse_and_fine, rivals, space,
    )
}  # fmt: skip


def experiment(name: str) -> ModuleType:
    """Return an experiment's module.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment: expected one of {', '.join(EXPERIMENTS)}; got {name!r}")
    return EXPERIMENTS[name]


def planned(names: Sequence[str], budget: Budget) -> list[RunConfig]:
    """Return the runs that experiments need at a budget, each once."""
    return unique([run for name in names for run in experiment(name).runs(budget)])


def run_experiment(
    name: str,
    budget: Budget,
    workspace: Workspace,
    out: Path,
    *,
    progress: Progress = silent,
    command: Sequence[str] = (),
) -> tuple[pd.DataFrame, Path]:
    """Carry out an experiment and keep its table; return the table and the file.

    Args:
        name: of the experiment.
        budget: of its runs.
        workspace: where and how they are trained.
        out: folder for the Parquet file.
        progress: as in `gram.experiments.work.outcomes`.
        command: what was called, for the metadata; this process' arguments by default.

    Raises:
        ValueError: there is no such experiment.
        GramError: the disk refuses, or a kept run cannot be read.
    """
    module = experiment(name)
    started, begun = datetime.now(UTC), time.monotonic()
    device = select_device(workspace.device)
    found = outcomes(module.runs(budget), budget, workspace, progress)
    frame: pd.DataFrame = module.table(found)
    facts = facts_of(
        experiment=name, scale=budget.name, device=device, started=started, seconds=time.monotonic() - begun,
        training=sum(each.seconds for each in found.values()), command=command or sys.argv,
    )  # fmt: skip
    return frame, save(frame, out, facts)


__all__ = [
    "BUDGETS",
    "CLAIMS",
    "EVIDENCE",
    "EXPERIMENTS",
    "Budget",
    "Claim",
    "RunConfig",
    "Workspace",
    "expected_seconds",
    "experiment",
    "load",
    "load_outcome",
    "outcomes",
    "outstanding",
    "planned",
    "run_experiment",
    "runs_folder",
]
