"""The process behind `FailureJob`: compute parts in order, say how far along, write each to a file as it is done.

`python -m app.jobs.failure_worker WORK` prints JSON, one value a line: an array [share, stage], or {"part", "file"}.
"""

import json
import sys
from pathlib import Path

import torch

from app.jobs.failure_store import Kept, Part, write_part
from gram.core.progress import Progress
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import diagnose, find_cases, measure_remedies

_COST = {"cases": 1.0, "findings": 2.0, "remedies": 3.0}  # by the clock, in terms of the cases


def main(work: str) -> None:
    """Compute the parts that are asked for, in their order."""
    # Blocks are small, and threads that wait for each other on a busy machine take several times as long as one.
    torch.set_num_threads(1)
    asked = json.loads(work)
    sets = {name: EmbeddingSet.load(folder) for name, folder in asked["folders"].items()}
    parts = [Part(*each) for each in asked["parts"]]
    total, spent = sum(_COST[part.kind] for part in parts), 0.0
    for place, part in enumerate(parts):
        cost = _COST[part.kind]

        def report(
            share: float, stage: str = "", /, spent: float = spent, cost: float = cost, part: Part = part
        ) -> None:
            _say([(spent + cost * share) / total, f"{part.kind} of the {part.name} set by {part.measure}: {stage}"])

        report(0.0, "reading")
        value = _compute(sets[part.name], asked, part, report)
        file = f"{place}.part"
        write_part(Path(asked["results"]) / file, value)
        _say({"part": part, "file": file})
        spent += cost


def _compute(embedding_set: EmbeddingSet, asked: dict, part: Part, report: Progress) -> Kept:
    query, candidates, device = asked["query"], asked["candidates"], asked["device"]
    if part.kind == "cases":
        return find_cases(embedding_set, query, candidates, part.measure, device=device, progress=report)
    if part.kind == "remedies":
        return measure_remedies(embedding_set, query, candidates, part.measure, device=device, progress=report)
    return diagnose(embedding_set, query, candidates, part.measure, device=device, progress=report)


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
