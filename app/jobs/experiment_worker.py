"""The process behind `ExperimentJob`: carry out one experiment at the quick scale, and say how far along it is.

`python -m app.jobs.experiment_worker NAME OUT` prints JSON, one value a line: an array [share, stage].
"""

import json
import sys
from pathlib import Path

from gram.experiments import BUDGETS, Workspace, run_experiment
from gram.experiments.outcomes import runs_folder
from gram.experiments.work import MEASURING, RENDERING, TRAINING

_PHASES = {  # the shares of the work at which each begins and ends
    RENDERING: (0.0, 0.1, "rendering the items"),
    TRAINING: (0.1, 0.75, "training"),
    MEASURING: (0.75, 1.0, "measuring"),
}


def main(name: str, out: str) -> None:
    """Carry out an experiment; its result is the file OUT/NAME.parquet."""

    def tell(phase: str, what: str, done: float, whole: float) -> None:
        begins, ends, words = _PHASES[phase]
        _say(begins + (ends - begins) * done / whole, words if phase == RENDERING else f"{words}, {what} is done")

    _say(0.0, "starting")
    command = ["python", "-m", "gram", "experiment", name, "--quick", "--device", "cpu"]
    run_experiment(name, BUDGETS["quick"], Workspace(runs_folder(), "cpu"), Path(out), progress=tell, command=command)


def _say(share: float, stage: str) -> None:
    print(json.dumps([share, stage]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
