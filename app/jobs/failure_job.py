"""Parts of the diagnosis of sets, computed in another process: each is kept as it comes, so a stop loses none."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.jobs.failure_store import COLUMNS, Kept, Part, keep_part, part_key, read_part, task_key
from app.jobs.process import Pace, WatchedProcess
from gram.data.embedding_set import EmbeddingSet


class FailureJob(WatchedProcess):
    """Some parts, being computed one after another by another Python process.

    Attributes:
        keys: part -> `part_key` of it.
        done: part -> what came of it, so far.
        share: from 0 to 1, how much is done.
        stage: what is being done, in words.
    """

    def __init__(
        self,
        sets: Mapping[str, EmbeddingSet],
        query: str,
        candidates: Sequence[str],
        parts: Sequence[Part],
        *,
        tasks: Mapping[str, str] | None = None,
        device: str = "auto",
    ) -> None:
        """Start the process, once a thread has written for it what it needs of the sets.

        Args:
            sets: the sets that the parts name.
            query: the modality that asks.
            candidates: the modalities of a candidate.
            parts: what to compute, in this order.
            tasks: the `task_key` of each set, if that is known.
            device: as for `gram.evaluate`.

        Raises:
            ValueError: a set lacks one of the modalities; a query that is also a candidate.
        """
        names = dict.fromkeys(part.name for part in parts)
        tasks = tasks or {name: task_key(sets[name], query, candidates) for name in names}
        self.keys = {part: part_key(tasks[part.name], part) for part in parts}
        self.done: dict[Part, Kept] = {}
        self._pace = Pace()
        temporary = tempfile.TemporaryDirectory(prefix="gram-failures-")
        self._results = Path(temporary.name) / "results"
        self._results.mkdir()
        folders = {name: str(Path(temporary.name) / str(place)) for place, name in enumerate(names)}

        def prepare() -> None:
            for name, folder in folders.items():
                _save(sets[name], (query, *candidates), Path(folder))

        work = {
            "folders": folders,
            "query": query,
            "candidates": list(candidates),
            "parts": list(parts),
            "results": str(self._results),
            "device": device,
        }
        super().__init__("app.jobs.failure_worker", (json.dumps(work),), temporary, prepare=prepare)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._pace.seconds_left

    @property
    def stopped(self) -> bool:
        """Whether it was ended before it was done."""
        return self._stopped

    def result(self) -> dict[Part, Kept]:
        """Wait, and return the parts; of a job that was stopped, those that were done.

        Raises:
            GramError: the process failed; with its last words.
        """
        self.wait("the diagnosis")
        return self.done

    def _heard(self, share: float, stage: str) -> None:
        super()._heard(share, stage)
        self._pace.report(share)

    def _take(self, part: dict[str, Any]) -> None:
        made = Part(*part["part"])
        try:
            value = read_part(self._results / part["file"], made.kind)
        except (OSError, KeyError, AttributeError, pa.ArrowException) as error:
            raise ValueError(str(error)) from error
        keep_part(self.keys[made], value)
        self.done = {**self.done, made: value}


def _save(embedding_set: EmbeddingSet, names: Sequence[str], folder: Path) -> None:
    """Write some modalities of a set with what its items are called, for the other process to read."""
    kept = [column for column in COLUMNS if column in embedding_set.items]
    EmbeddingSet(
        modalities={name: embedding_set.modalities[name] for name in names},
        items=embedding_set.items[kept],
        info={"anchor": names[0]},
    ).save(folder)
