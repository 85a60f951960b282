"""The runs that experiments need, trained once each: in this process or in several, and what is left after a stop."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gram.experiments.data import Data, load_data, prepare_data
from gram.experiments.outcomes import Outcome, is_kept, keep, load_outcome
from gram.experiments.runs import Budget, RunConfig
from gram.experiments.train import train_run

Progress = Callable[[str, str, float, float], None]  # (phase, what was done last, how much is done, of how much)
RENDERING, TRAINING, MEASURING = "rendering", "training", "measuring"

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


def silent(phase: str, what: str, done: float, whole: float) -> None:
    """Tell nobody."""


def unique(runs: Sequence[RunConfig]) -> list[RunConfig]:
    """Return the runs, each once, in order."""
    return list(dict.fromkeys(runs))


def outstanding(runs: Sequence[RunConfig], budget: Budget, folder: Path) -> list[RunConfig]:
    """Return the runs whose outcome is not kept yet, each once."""
    return [run for run in unique(runs) if not is_kept(folder, run, budget)]


def outcomes(
    runs: Sequence[RunConfig], budget: Budget, workspace: Workspace, progress: Progress = silent
) -> "Outcomes":
    """Return the outcome of every run; those that are not kept yet are trained and kept first, each when it is done.

    Stopped, or failed, the runs that were done stay, and the same call goes on with the rest.

    Args:
        runs: which; repeated ones are trained once.
        budget: of each run.
        workspace: where and how.
        progress: called with a phase, what was done last, how much is done, and of how much: items while rendering,
            expected seconds while training, runs while what comes back is gone through.

    Raises:
        GramError: the disk refuses, or a kept run cannot be read.
        ModelError: no such device.
    """
    left = outstanding(runs, budget, workspace.folder)
    whole, done = sum(run.seconds(budget) for run in left), 0.0
    data = prepare_data(
        workspace.folder, budget, processes=workspace.workers,
        progress=lambda here, of: progress(RENDERING, "items", here, of),
    )  # fmt: skip
    for run in _trained(left, budget, workspace, data):
        done += run.seconds(budget)
        progress(TRAINING, str(run), done, whole)
    items = data.items["test"]
    return Outcomes({run: load_outcome(workspace.folder, run, budget, items) for run in unique(runs)}, budget, progress)


class Outcomes(dict[RunConfig, Outcome]):
    """Outcomes by run, that say how far whoever goes through their `items()` has come.

    Attributes:
        budget: that of the runs.
    """

    def __init__(self, found: Mapping[RunConfig, Outcome], budget: Budget, progress: Progress = silent) -> None:
        super().__init__(found)
        self.budget = budget
        self._progress = progress

    def items(self) -> Any:
        """Yield each run with its outcome, telling the progress."""
        for done, (run, outcome) in enumerate(super().items(), start=1):
            yield run, outcome
            self._progress(MEASURING, str(run), done, len(self))


def _trained(left: Sequence[RunConfig], budget: Budget, workspace: Workspace, data: Data) -> Iterator[RunConfig]:
    """Train and keep runs, and yield each when it is done; the longest first where several are trained at once."""
    if workspace.workers == 1 or len(left) < 2:
        with _one_thread():
            for run in left:
                keep(workspace.folder, train_run(run, budget, data, device=workspace.device), budget)
                yield run
        return
    longest = sorted(left, key=lambda run: -run.seconds(budget))
    tasks = [(run, budget, workspace) for run in longest]
    with multiprocessing.get_context("spawn").Pool(workspace.workers, initializer=_start) as pool:
        yield from pool.imap_unordered(_train_one, tasks)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread meanwhile, so that a run gives the same here as in a worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _start() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the process that started the workers, and it them


def _train_one(task: tuple[RunConfig, Budget, Workspace]) -> RunConfig:
    run, budget, workspace = task
    if "data" not in _worker:
        _worker["data"] = load_data(workspace.folder, budget)  # a worker serves one call, and so one budget
    data = _worker["data"]
    keep(workspace.folder, train_run(run, budget, data, device=workspace.device), budget)
    return run


def expected_seconds(runs: Sequence[RunConfig], budget: Budget, workspace: Workspace) -> float:
    """Return about how long the runs that are not kept yet take, on so many workers."""
    return sum(run.seconds(budget) for run in outstanding(runs, budget, workspace.folder)) / workspace.workers
