"""The process behind `ExperimentJob`: carry out one experiment at the quick scale, and say how far along it is.

`python -m gram.experiments.worker NAME OUT` prints JSON, one value a line: an array [share, stage].
"""

import json
import sys
from pathlib import Path

from gram.experiments import SCALES, Place, carry_out
from gram.experiments.outcomes import runs_folder

_MEASURING = 0.8  # the share at which training has ended and measuring begins


def main(name: str, out: str) -> None:
    """Carry out an experiment; its result is the file OUT/NAME.parquet."""

    def tell(what: str, done: float, whole: float) -> None:
        _say(_MEASURING * done / whole, f"trained {what}" if done < whole else "measuring")

    _say(0.0, "rendering the items")
    command = ["python", "-m", "gram", "experiment", name, "--quick", "--device", "cpu"]
    carry_out(name, SCALES["quick"], Place(runs_folder(), "cpu"), Path(out), progress=tell, command=command)


def _say(share: float, stage: str) -> None:
    print(json.dumps([share, stage]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
