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
from gram.experiments.runs import Run, Scale
from gram.experiments.train import train_run

Progress = Callable[[str, str, float, float], None]  # (phase, what was done last, how much is done, of how much)
RENDERING, TRAINING, MEASURING = "rendering", "training", "measuring"

_worker: dict[str, Any] = {}


@dataclass(frozen=True)
class Place:
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


def unique(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, each once, in order."""
    return list(dict.fromkeys(runs))


def outstanding(runs: Sequence[Run], scale: Scale, folder: Path) -> list[Run]:
    """Return the runs whose outcome is not kept yet, each once."""
    return [run for run in unique(runs) if not is_kept(folder, run, scale)]


def outcomes(runs: Sequence[Run], scale: Scale, place: Place, progress: Progress = silent) -> "Outcomes":
    """Return the outcome of every run; those that are not kept yet are trained and kept first, each when it is done.

    Stopped, or failed, the runs that were done stay, and the same call goes on with the rest.

    Args:
        runs: which; repeated ones are trained once.
        scale: the budget.
        place: where and how.
        progress: called with a phase, what was done last, how much is done, and of how much: items while rendering,
            expected seconds while training, runs while what comes back is gone through.

    Raises:
        GramError: the disk refuses, or a kept run cannot be read.
        ModelError: no such device.
    """
    left = outstanding(runs, scale, place.folder)
    whole, done = sum(run.seconds(scale) for run in left), 0.0
    data = prepare_data(
        place.folder, scale, processes=place.workers,
        progress=lambda here, of: progress(RENDERING, "items", here, of),
    )  # fmt: skip
    for run in _trained(left, scale, place, data):
        done += run.seconds(scale)
        progress(TRAINING, str(run), done, whole)
    items = data.items["test"]
    return Outcomes({run: load_outcome(place.folder, run, scale, items) for run in unique(runs)}, scale, progress)


class Outcomes(dict[Run, Outcome]):
    """Outcomes by run, that say how far whoever goes through their `items()` has come.

    Attributes:
        scale: that of the runs.
    """

    def __init__(self, found: Mapping[Run, Outcome], scale: Scale, progress: Progress = silent) -> None:
        super().__init__(found)
        self.scale = scale
        self._progress = progress

    def items(self) -> Any:
        """Yield each run with its outcome, telling the progress."""
        for done, (run, outcome) in enumerate(super().items(), start=1):
            yield run, outcome
            self._progress(MEASURING, str(run), done, len(self))


def _trained(left: Sequence[Run], scale: Scale, place: Place, data: Data) -> Iterator[Run]:
    """Train and keep runs, and yield each when it is done; the longest first where several are trained at once."""
    if place.workers == 1 or len(left) < 2:
        with _one_thread():
            for run in left:
                keep(place.folder, train_run(run, scale, data, device=place.device), scale)
                yield run
        return
    longest = sorted(left, key=lambda run: -run.seconds(scale))
    tasks = [(run, scale, place) for run in longest]
    with multiprocessing.get_context("spawn").Pool(place.workers, initializer=_start) as pool:
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


def _train_one(task: tuple[Run, Scale, Place]) -> Run:
    run, scale, place = task
    if "data" not in _worker:
        _worker["data"] = load_data(place.folder, scale)  # a worker serves one call, and so one scale
    data = _worker["data"]
    keep(place.folder, train_run(run, scale, data, device=place.device), scale)
    return run


def expected_seconds(runs: Sequence[Run], scale: Scale, place: Place) -> float:
    """Return about how long the runs that are not kept yet take, on so many workers."""
    return sum(run.seconds(scale) for run in outstanding(runs, scale, place.folder)) / place.workers
