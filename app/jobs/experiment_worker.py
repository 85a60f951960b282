"""The process behind `ExperimentJob`: carry out one experiment at the quick scale, and say how far along it is.

`python -m app.jobs.experiment_worker NAME OUT` prints JSON, one value a line: an array [share, stage].
"""

import json
import sys
from pathlib import Path

from gram.experiments import BUDGETS, Workspace, run_experiment
from gram.experiments.outcomes import runs_folder


def main(name: str, out: str) -> None:
    """Carry out an experiment; its result is the file OUT/NAME.parquet."""
    _say(0.0, "starting")
    command = ["python", "-m", "gram", "experiment", name, "--quick", "--device", "cpu"]
    run_experiment(name, BUDGETS["quick"], Workspace(runs_folder(), "cpu"), Path(out), progress=_say, command=command)


def _say(share: float, stage: str = "", /) -> None:
    print(json.dumps([share, stage]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
