"""Plan, train and keep: runs are trained once each, in this process or in several; a stopped call goes on."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from gram.core.device import select_device
from gram.core.progress import Progress, no_progress, subprogress
from gram.experiments.config import Budget, RunConfig
from gram.experiments.data import Data, is_prepared, load_data, prepare_data
from gram.experiments.outcomes import Outcome, is_kept, keep, load_outcome
from gram.experiments.registry import EXPERIMENTS
from gram.experiments.results import facts_of, save
from gram.experiments.train import train_run

_RENDERING = 0.02  # seconds an item takes, about
_worker: dict[str, Any] = {}


@dataclass(frozen=True)
class Workspace:
    """Where and how runs are trained.

    Attributes:
        folder: of runs.
        device: auto, cpu or cuda.
        workers: processes that train at once, each on one thread; 1 trains in this process.
    """

    folder: Path
    device: str = "auto"
    workers: int = 1


def planned(names: Sequence[str], budget: Budget) -> list[RunConfig]:
    """Return the runs that experiments need within a budget, each once, in order."""
    return list(dict.fromkeys(run for name in names for run in EXPERIMENTS.get(name).runs(budget)))


def outstanding(runs: Sequence[RunConfig], budget: Budget, folder: Path) -> list[RunConfig]:
    """Return the runs whose outcome is not kept yet, each once."""
    return [run for run in dict.fromkeys(runs) if not is_kept(folder, run, budget)]


def expected_seconds(runs: Sequence[RunConfig], budget: Budget, workspace: Workspace) -> float:
    """Return about how long it takes to train the runs that are not kept yet."""
    return sum(run.seconds(budget) for run in outstanding(runs, budget, workspace.folder)) / workspace.workers


def run_experiment(
    name: str,
    budget: Budget,
    workspace: Workspace,
    out: Path,
    *,
    progress: Progress = no_progress,
    command: Sequence[str] = (),
) -> tuple[pd.DataFrame, Path]:
    """Carry out an experiment and keep its table; return the table and the file.

    Args:
        name: of the experiment.
        budget: of its runs.
        workspace: where and how they are trained.
        out: folder for the Parquet file.
        progress: as in `outcomes`.
        command: what was called, for the metadata; this process' arguments by default.

    Raises:
        ValueError: there is no such experiment.
        GramError: the disk refuses, or a kept run cannot be read.
    """
    module = EXPERIMENTS.get(name)
    started, begun = datetime.now(UTC), time.monotonic()
    device = select_device(workspace.device)
    training: list[float] = []

    def timed() -> Iterator[Outcome]:
        for outcome in outcomes(module.runs(budget), budget, workspace, progress):
            training.append(outcome.seconds)
            yield outcome

    frame: pd.DataFrame = module.table(timed())
    facts = facts_of(
        experiment=name, scale=budget.name, device=device, started=started, seconds=time.monotonic() - begun,
        training=sum(training), command=command or sys.argv,
    )  # fmt: skip
    return frame, save(frame, out, facts)


def outcomes(
    runs: Sequence[RunConfig], budget: Budget, workspace: Workspace, progress: Progress = no_progress
) -> Iterator[Outcome]:
    """Train and keep the runs that are not kept yet, each when it is done; then yield the outcome of every run.

    Stopped, or failed, the runs that were done stay, and the same call goes on with the rest.

    Args:
        runs: which; repeated ones count once.
        budget: of each run.
        workspace: where and how.
        progress: told the share of the expected time that is gone, and what was done last.

    Raises:
        GramError: the disk refuses, or a kept run cannot be read.
        DeviceError: no such device.
    """
    runs, left = list(dict.fromkeys(runs)), outstanding(runs, budget, workspace.folder)
    rendering, training, measuring = _stages(runs, budget, workspace, progress)
    data = prepare_data(workspace.folder, budget, processes=workspace.workers, progress=rendering)
    whole, done = sum(run.seconds(budget) for run in left), 0.0
    for run in _trained(left, budget, workspace, data):
        done += run.seconds(budget)
        training(done / whole, f"training, {run} is done")
    for place, run in enumerate(runs, start=1):
        yield load_outcome(workspace.folder, run, budget, data.items["test"])
        measuring(place / len(runs), f"measuring, {run} is done")


def _stages(
    runs: Sequence[RunConfig], budget: Budget, workspace: Workspace, progress: Progress
) -> tuple[Progress, Progress, Progress]:
    """Return the callbacks of rendering, training and measuring, each a share of the time that all take."""
    items = 0 if is_prepared(workspace.folder, budget) else budget.items
    rendering, training = _RENDERING * items / workspace.workers, expected_seconds(runs, budget, workspace)
    whole = rendering + training + budget.overhead
    begin, end = rendering / whole, (rendering + training) / whole
    return subprogress(progress, 0.0, begin), subprogress(progress, begin, end), subprogress(progress, end, 1.0)


def _trained(left: Sequence[RunConfig], budget: Budget, workspace: Workspace, data: Data) -> Iterator[RunConfig]:
    """Train and keep runs, and yield each when it is done; the longest first where several are trained at once."""
    if workspace.workers == 1 or len(left) < 2:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # so that a run gives the same here as in a worker
        try:
            for run in left:
                keep(workspace.folder, train_run(run, budget, data, device=workspace.device), budget)
                yield run
        finally:
            torch.set_num_threads(threads)
        return
    longest = sorted(left, key=lambda run: -run.seconds(budget))
    tasks = [(run, budget, workspace) for run in longest]
    with multiprocessing.get_context("spawn").Pool(workspace.workers, initializer=_start) as pool:
        yield from pool.imap_unordered(_train_one, tasks)


def _start() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the process that started the workers, and it them


def _train_one(task: tuple[RunConfig, Budget, Workspace]) -> RunConfig:
    run, budget, workspace = task
    if "data" not in _worker:
        _worker["data"] = load_data(workspace.folder, budget)  # a worker serves one call, and so one budget
    keep(workspace.folder, train_run(run, budget, _worker["data"], device=workspace.device), budget)
    return run
