"""All measures on sets, elsewhere: each row is kept as it comes, so a stop loses none."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from app.jobs.job import Job, save_vectors
from app.jobs.measure_store import find_rows, keep_row, rows_key
from app.jobs.worker import Worker
from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.measure_table import Row, measure_row, tasks


class MeasureJob(Job):
    """Every measure that fits, in both directions.

    Attributes:
        candidates: the modalities of a candidate.
        keys: name of a set -> `rows_key` of it.
    """

    what = "measuring"

    def __init__(
        self, sets: Mapping[str, EmbeddingSet], query: str, candidates: Sequence[str], *, device: str = "auto"
    ) -> None:
        """Start to measure what is not kept yet.

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
        arguments = {"keys": self.keys, "query": query, "candidates": self.candidates, "device": device}

        def prepare(folder: Path) -> None:
            for place, each in enumerate(sets.values()):
                save_vectors(each, (query, *candidates), folder / str(place))

        super().__init__(
            "app.jobs.measures:compute", arguments, key=f"{sorted(self.keys.items())} {device}", prepare=prepare,
            read=lambda part, folder: (part["set"], Row.from_dict(part["row"])),
        )  # fmt: skip

    @property
    def rows(self) -> dict[str, list[Row]]:
        """Name of a set -> its rows so far, kept before or made now."""
        found = {name: {row.task: row for row in find_rows(key)} for name, key in self.keys.items()}
        for name, row in self.parts:
            found[name][row.task] = row
        return {name: list(rows.values()) for name, rows in found.items()}

    def result(self) -> dict[str, list[Row]]:
        """Wait, and return the rows of each set; of a job that was stopped, those that were done.

        Raises:
            GramError: it failed.
        """
        self.wait()
        return self.rows


def compute(worker: Worker, keys: dict[str, str], query: str, candidates: list[str], device: str) -> None:
    """Measure the sets in the worker's folder by all measures that are not kept yet, the quickest first."""
    torch.set_num_threads(1)  # blocks are small, and threads that wait for each other on a busy machine take longer
    sets = {name: EmbeddingSet.load(worker.folder / str(place)) for place, name in enumerate(keys)}
    known = {(name, *row.task) for name, key in keys.items() for row in find_rows(key)}
    todo = [
        (name, measure, direction)
        for measure, direction in tasks(1 + len(candidates))
        for name in sets
        if (name, measure, direction) not in known
    ]
    costs = [measures.get(measure).relative_cost * len(sets[name]) ** 2 for name, measure, _ in todo]
    for place, (name, measure, direction) in enumerate(todo):
        worker.progress(sum(costs[:place]) / sum(costs), f"{measures.get(measure).title.lower()} on the {name} set")
        row = measure_row(sets[name], query, candidates, measure, direction, device)
        keep_row(keys[name], row)
        part: dict[str, Any] = {"set": name, "row": asdict(row)}
        worker.part(part)
