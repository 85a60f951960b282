"""A quick run of one experiment in another process, which can be watched and stopped."""

import tempfile

import pandas as pd

from app.jobs.process import Pace, WatchedProcess
from gram.experiments import EXPERIMENTS
from gram.experiments.results import load, quick_folder


class ExperimentJob(WatchedProcess):
    """An experiment carried out at the quick scale by another Python process.

    Runs that were done when it is stopped are kept, and the next job goes on from them.

    Attributes:
        name: of the experiment.
        share: from 0 to 1, how much is done.
        stage: what is being done, in words.
    """

    def __init__(self, name: str) -> None:
        """Start the process.

        Raises:
            ValueError: there is no such experiment.
        """
        self.name = str(EXPERIMENTS.get(name).NAME)
        self._pace = Pace()
        temporary = tempfile.TemporaryDirectory(prefix="gram-experiment-")
        super().__init__("app.jobs.experiment_worker", (name, str(quick_folder())), temporary)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._pace.seconds_left

    def result(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """Wait, and return the result and what made it.

        Raises:
            GramError: the process failed, with its last words; or it was stopped before there was a result.
        """
        self.wait(f"the experiment {self.name}")
        return load(self.name, quick_folder())

    def _heard(self, share: float, stage: str) -> None:
        super()._heard(share, stage)
        self._pace.report(share)
