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

        def keep(row: dict[str, Any], loss: str = settings.loss) -> None:
            _say({"loss": loss, "row": row})

        def report(share: float, stage: str = "", /, place: int = place, loss: str = settings.loss) -> None:
            _say([(place + share) / len(asked["settings"]), f"{loss} heads, {stage}"])

        made = align(
            features, settings, progress=report, on_partial=keep, should_stop=stop.exists, device=asked["device"]
        )
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
