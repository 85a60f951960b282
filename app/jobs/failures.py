"""Parts of the diagnosis of sets, computed elsewhere: each is kept as it comes, so a stop loses none."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from app.jobs.failure_store import COLUMNS, Kept, Part, find_part, keep_part, part_key, read_part, task_key, write_part
from app.jobs.job import Job
from app.jobs.worker import Worker
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import diagnose, find_cases, measure_remedies

_FUNCTIONS: dict[str, Callable[..., Kept]] = {
    "cases": find_cases, "findings": diagnose, "remedies": measure_remedies,
}  # fmt: skip
_COST = {"cases": 1.0, "findings": 2.0, "remedies": 3.0}  # by the clock, in terms of the cases


class FailureJob(Job):
    """Some parts, being computed one after another.

    Attributes:
        keys: part -> `part_key` of it.
    """

    what = "the diagnosis"

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
        """Start to compute.

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
        names = tuple(dict.fromkeys(part.name for part in parts))
        tasks = tasks or {name: task_key(sets[name], query, candidates) for name in names}
        self.keys = {part: part_key(tasks[part.name], part) for part in parts}
        arguments = {
            "names": names, "query": query, "candidates": list(candidates), "parts": list(parts), "device": device,
            "keys": list(self.keys.values()),
        }  # fmt: skip

        def prepare(folder: Path) -> None:
            for place, name in enumerate(names):
                _save(sets[name], (query, *candidates), folder / str(place))

        key = [f"{part} {key} {device}" for part, key in self.keys.items()]
        super().__init__("app.jobs.failures:compute", arguments, key=key, prepare=prepare, read=_read)

    @property
    def done(self) -> dict[Part, Kept]:
        """Part -> what came of it, so far."""
        return dict(self.parts)

    def result(self) -> dict[Part, Kept]:
        """Wait, and return the parts; of a job that was stopped, those that were done.

        Raises:
            GramError: it failed.
        """
        self.wait()
        return self.done


def _save(embedding_set: EmbeddingSet, names: Sequence[str], folder: Path) -> None:
    """Write some modalities of a set with what its items are called."""
    kept = [column for column in COLUMNS if column in embedding_set.items]
    EmbeddingSet(
        modalities={name: embedding_set.modalities[name] for name in names},
        items=embedding_set.items[kept],
        info={"anchor": names[0]},
    ).save(folder)


def _read(part: dict[str, Any], folder: Path) -> tuple[Part, Kept]:
    made = Part(*part["part"])
    try:
        return made, read_part(folder / part["file"], made.kind)
    except (KeyError, AttributeError, pa.ArrowException) as error:
        raise ValueError(str(error)) from error


def compute(
    worker: Worker, *, names: list[str], query: str, candidates: list[str], parts: list[list[str]], keys: list[str],
    device: str,
) -> None:  # fmt: skip
    """Compute parts of the sets in the worker's folder, in order; keep each."""
    torch.set_num_threads(1)  # blocks are small, and threads that wait for each other on a busy machine take longer
    sets = {name: EmbeddingSet.load(worker.folder / str(place)) for place, name in enumerate(names)}
    asked = [Part(*each) for each in parts]
    total, spent = sum(_COST[part.kind] for part in asked), 0.0
    for part, key in zip(asked, keys, strict=True):
        cost, what = _COST[part.kind], f"{part.kind} of the {part.name} set by {part.measure}"

        def report(
            share: float, stage: str = "", /, begin: float = spent, cost: float = cost, what: str = what
        ) -> None:
            worker.progress((begin + cost * share) / total, f"{what}: {stage}")

        report(0.0, "reading")
        value = find_part(key, part.kind)  # another computation may have kept it meanwhile
        if value is None:
            find = _FUNCTIONS[part.kind]
            value = find(sets[part.name], query, candidates, part.measure, device=device, progress=report)
            keep_part(key, value)
        file = f"{key}.part"
        write_part(worker.folder / file, value)
        worker.part({"part": part, "file": file})
        spent += cost
