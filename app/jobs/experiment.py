"""Quick runs of experiments, elsewhere."""

from pathlib import Path

import pandas as pd

from app.jobs.job import Job
from app.jobs.worker import Worker
from gram.experiments import BUDGETS, EXPERIMENTS, Workspace, run_experiment
from gram.experiments.outcomes import runs_folder
from gram.experiments.results import load, quick_folder


class ExperimentJob(Job):
    """An experiment carried out at the quick scale; runs that were done when it is stopped are kept.

    Attributes:
        name: of the experiment.
    """

    def __init__(self, name: str) -> None:
        """Start the experiment.

        Raises:
            ValueError: there is no such experiment.
        """
        self.name = str(EXPERIMENTS.get(name).NAME)
        self.what = f"the experiment {self.name}"
        arguments = {"name": self.name, "out": str(quick_folder()), "runs": str(runs_folder())}
        super().__init__("app.jobs.experiment:compute", arguments, key=self.name)

    def result(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """Wait, and return the result and what made it.

        Raises:
            GramError: it failed, or was stopped before there was a result.
        """
        self.wait()
        return load(self.name, quick_folder())


def compute(worker: Worker, name: str, out: str, runs: str) -> None:
    """Carry out an experiment; its result is the file OUT/NAME.parquet."""
    command = ["python", "-m", "gram", "experiment", name, "--quick", "--device", "cpu"]
    workspace = Workspace(Path(runs), "cpu")
    run_experiment(name, BUDGETS["quick"], workspace, Path(out), progress=worker.progress, command=command)
