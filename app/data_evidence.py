"""Cached results of experiments: those that ship with the project, and those of quick runs on this computer."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from app import data
from gram.experiments import EVIDENCE, load
from gram.experiments.job import ExperimentJob, quick_folder

SHIPPED, QUICK = "shipped", "quick run"


class Result(NamedTuple):
    """A result: its table, what made it (`gram.experiments.load`), and its file. Treat it as read-only."""

    table: pd.DataFrame
    facts: dict[str, str]
    file: Path


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
    return Result(*_load(name, str(file.parent), stat.st_mtime_ns, stat.st_size), file)


def job(name: str) -> ExperimentJob:
    """Start a quick run of an experiment in another process."""
    return ExperimentJob(name)


@data.cached(max_entries=24)
def _load(name: str, folder: str, written: int, size: int) -> tuple[pd.DataFrame, dict[str, str]]:
    return load(name, Path(folder))
