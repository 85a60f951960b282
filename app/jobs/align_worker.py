"""The process behind `AlignJob`: train heads by one loss after another, say how it goes, write each when it is done.

`python -m app.jobs.align_worker WORK` prints JSON, one value a line: an array [share, stage], or an object with a row
of a history, or the loss whose heads are written.
"""

import json
import sys
from pathlib import Path
from typing import Any

from gram.data.embedding_set import FeatureSet
from gram.errors import GramError
from gram.training.align import align
from gram.training.align_config import AlignConfig


def main(work: str) -> None:
    """Train what is asked for, in order, until the file that asks for the end is there."""
    asked = json.loads(work)
    features = FeatureSet.load(asked["features"])
    stop = Path(asked["stop"])
    for place, each in enumerate(asked["settings"]):
        settings = AlignConfig(**each)
        _say([place / len(asked["settings"]), f"{settings.loss} heads"])

        def report(row: dict[str, Any], place: int = place, settings: AlignConfig = settings) -> None:
            _say({"loss": settings.loss, "row": row})
            share = (place + row["step"] / settings.steps) / len(asked["settings"])
            _say([share, f"{settings.loss} heads, step {row['step']:,} of {settings.steps:,}"])

        made = align(features, settings, progress=report, should_stop=stop.exists, device=asked["device"])
        made.save(Path(asked["out"]) / settings.loss)
        _say({"done": settings.loss})
        if stop.exists():
            break


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except GramError as error:
        sys.exit(str(error))
