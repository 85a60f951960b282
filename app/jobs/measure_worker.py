"""The process behind `MeasureJob`: measure sets, say how far along, print each row as it is done.

`python -m app.jobs.measure_worker WORK` prints JSON, one value a line: an array [share, stage], or {"set", "row"}.
"""

import json
import sys
from dataclasses import asdict

import torch

from gram import measures
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.measure_table import measure_row, tasks


def main(work: str) -> None:
    """Measure the sets in some folders by all measures that are not known yet, the quickest first."""
    # Blocks are small, and threads that wait for each other on a busy machine take several times as long as one.
    torch.set_num_threads(1)
    asked = json.loads(work)
    query, candidates, device = asked["query"], asked["candidates"], asked["device"]
    sets = {name: EmbeddingSet.load(folder) for name, folder in asked["folders"].items()}
    known = {(name, *task) for name, done in asked["known"].items() for task in done}
    todo = [
        (name, measure, direction)
        for measure, direction in tasks(1 + len(candidates))
        for name in sets
        if (name, measure, direction) not in known
    ]
    total, spent = sum(measures.get(measure).relative_cost * len(sets[name]) ** 2 for name, measure, _ in todo), 0.0
    for name, measure, direction in todo:
        _say([spent / total, f"{measures.get(measure).title.lower()} on the {name} set"])
        row = measure_row(sets[name], query, candidates, measure, direction, device)
        _say({"set": name, "row": asdict(row)})
        spent += measures.get(measure).relative_cost * len(sets[name]) ** 2


def _say(value: object) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
