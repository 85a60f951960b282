"""Cached results of experiments: those that ship with the project, and those of quick runs on this computer."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from app.data import sets
from app.jobs.experiment import ExperimentJob
from gram.experiments import EVIDENCE, EXPERIMENTS, load
from gram.experiments.results import quick_folder

SHIPPED, QUICK = "shipped", "quick run"


class Result(NamedTuple):
    """A result: its table, what made it (`gram.experiments.load`), its file, and when that was written and how large.

    Treat it as read-only.
    """

    table: pd.DataFrame
    facts: dict[str, str]
    file: Path
    stamp: tuple[int, int]


class Shown(NamedTuple):
    """A result as the page shows it: in short and in full, and its figure as JSON with its height in pixels."""

    headline: str
    finding: str
    figure: str
    height: int


def result(name: str, kind: str) -> Result | None:
    """Return the result of an experiment, None if there is none.

    Args:
        name: of the experiment.
        kind: SHIPPED or QUICK.

    Raises:
        GramError: the file is no readable result.
    """
    file = (EVIDENCE if kind == SHIPPED else quick_folder()) / f"{name}.parquet"
    try:
        stat = file.stat()
    except OSError:
        return None
    stamp = stat.st_mtime_ns, stat.st_size
    return Result(*_load(name, str(file.parent), *stamp), file, stamp)


def shown(name: str, of: Result, *, dark: bool) -> Shown:
    """Return what is said and drawn of a result.

    Args:
        name: of the experiment.
        of: its result.
        dark: for a dark ground.
    """
    return _shown(name, str(of.file), of.stamp, dark, of.table)


def job(name: str) -> ExperimentJob:
    """Start a quick run of an experiment in another process."""
    return ExperimentJob(name)


@sets.cached(max_entries=24)
def _load(name: str, folder: str, written: int, size: int) -> tuple[pd.DataFrame, dict[str, str]]:
    return load(name, Path(folder))


@sets.cached(max_entries=48)
def _shown(name: str, file: str, stamp: tuple[int, int], dark: bool, _table: pd.DataFrame) -> Shown:
    experiment = EXPERIMENTS.get(name)
    figure = experiment.figure(_table, dark=dark)
    return Shown(
        experiment.headline(_table), experiment.finding(_table), str(figure.to_json()), int(figure.layout.height)
    )
