"""All measures on one set or several, in another process: each row is kept as it comes, so a stop loses none."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.jobs.measure_store import find_rows, keep_row, rows_key
from app.jobs.process import Pace, WatchedProcess, save_vectors
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.measure_table import Row


class MeasureJob(WatchedProcess):
    """Every measure that fits, in both directions, being computed by another Python process.

    Attributes:
        candidates: the modalities of a candidate.
        keys: name of a set -> `rows_key` of it.
        rows: name of a set -> its rows so far, those found on disk first.
        share: from 0 to 1, how much is done of what was not on disk.
        stage: what is being done, in words.
    """

    def __init__(
        self, sets: Mapping[str, EmbeddingSet], query: str, candidates: Sequence[str], *, device: str = "auto"
    ) -> None:
        """Start the process.

        Args:
            sets: sets to measure, by what they are called.
            query: the modality that asks, the anchor of every measure.
            candidates: the modalities of a candidate.
            device: as for `gram.evaluate`.

        Raises:
            ValueError: a set lacks one of the modalities; a query that is also a candidate.
        """
        self.candidates = tuple(candidates)
        self.keys = {name: rows_key(each, query, candidates) for name, each in sets.items()}
        self.rows: dict[str, list[Row]] = {name: list(find_rows(key)) for name, key in self.keys.items()}
        self._pace = Pace()
        temporary = tempfile.TemporaryDirectory(prefix="gram-measures-")
        folders = {name: str(Path(temporary.name) / str(place)) for place, name in enumerate(sets)}
        for name, each in sets.items():
            save_vectors(each, (query, *self.candidates), Path(folders[name]))
        work = {
            "folders": folders,
            "query": query,
            "candidates": self.candidates,
            "known": {name: [row.task for row in rows] for name, rows in self.rows.items()},
            "device": device,
        }
        super().__init__("app.jobs.measure_worker", (json.dumps(work),), temporary)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._pace.seconds_left

    def result(self) -> dict[str, list[Row]]:
        """Wait, and return the rows of each set; of a job that was stopped, those that were done.

        Raises:
            GramError: the process failed; with its last words.
        """
        self.wait("measuring")
        return self.rows

    def _heard(self, share: float, stage: str) -> None:
        super()._heard(share, stage)
        self._pace.report(share)

    def _take(self, part: dict[str, Any]) -> None:
        name, row = part["set"], Row.from_dict(part["row"])
        keep_row(self.keys[name], row)
        self.rows[name] = [*(each for each in self.rows[name] if each.task != row.task), row]
