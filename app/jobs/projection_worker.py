"""The process behind `ProjectionJob`: project a set, say how far along, write the layout and keep it.

`python -m app.jobs.projection_worker SET LAYOUT SETTINGS` prints one JSON array [share, stage] a line.
"""

import json
import sys
import time

from gram.data.embedding_set import EmbeddingSet
from gram.projection.fit import compute_layout
from gram.projection.layout import Settings
from gram.projection.store import store_layout

_SECONDS_BETWEEN_LINES = 0.1


class _Teller:
    """Prints progress, but not more often than anyone looks."""

    def __init__(self) -> None:
        self._stage, self._said = "", 0.0

    def __call__(self, share: float, stage: str = "", /) -> None:
        now = time.monotonic()
        if stage != self._stage or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._stage, self._said = stage, now
            print(json.dumps([share, stage]), flush=True)


def main(set_folder: str, layout_file: str, settings: str) -> None:
    """Compute the layout of the set in a folder, write it to a file and to the cache."""
    options = json.loads(settings)
    options["modalities"] = tuple(options["modalities"])
    embedding_set = EmbeddingSet.load(set_folder)
    layout = compute_layout(embedding_set, Settings(**options), progress=_Teller())
    store_layout(layout)
    layout.save(layout_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
