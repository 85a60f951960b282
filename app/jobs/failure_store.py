"""What was computed of a set, one file each: cases as Parquet, findings and remedies as JSON.

Files are in the user's cache, named by a digest of all that they depend on: vectors, ids, labels, task and version.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from gram import __version__
from gram.core.cache import Cache, digest
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import FAULTS, Cases, Check, Diagnosis, Finding, GalleryStatistics, Remedy
from gram.retrieval.task import check_candidates

KINDS = ("cases", "findings", "remedies")
COLUMNS = ("id", "label", "split")  # of the items: what a case is called by
_FORMAT = 2
CACHE = Cache("failures", ".part", keep=192)
_FACTS = b"gram"  # key of our own facts in a Parquet file's metadata


class Part(NamedTuple):
    """One thing to compute: its kind, what the set is called, and the measure."""

    kind: str
    name: str
    measure: str


Kept = Cases | Diagnosis | tuple[Remedy, ...]


def task_key(embedding_set: EmbeddingSet, query: str, candidates: Sequence[str]) -> str:
    """Return a digest of all that the parts of a task depend on, but their kind and measure.

    Raises:
        ValueError: unknown modality; a query that is also a candidate.
    """
    names = (query, *check_candidates(embedding_set, candidates, query=query))
    columns = [column for column in COLUMNS if column in embedding_set.items]
    items = [[column, *embedding_set.items[column].astype(str).to_numpy(dtype=object)] for column in columns]
    return digest([_FORMAT, __version__, items], {name: embedding_set.modalities[name] for name in names})


def part_key(task: str, part: Part) -> str:
    """Return a digest of all that a part of the task with this key depends on; not of what its set is called."""
    faults = list(FAULTS) if part.kind == "findings" else []  # a plug-in adds some
    return hashlib.sha256(json.dumps([task, part.kind, part.measure, *faults]).encode()).hexdigest()


def part_file(key: str) -> Path:
    """Return where a part is kept, if it is."""
    return CACHE.path(key)


def find_part(key: str, kind: str) -> Kept | None:
    """Return what is kept under a key; None if there is nothing, or it cannot be read."""
    try:
        return read_part(part_file(key), kind, key=key)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException):
        return None


def keep_part(key: str, value: Kept) -> Path | None:
    """Keep a part under a key; return the file, None if the disk refuses."""
    return CACHE.put(key, lambda path: write_part(path, value, key=key))


def write_part(path: Path, value: Kept, *, key: str = "") -> None:
    """Write a part to a file.

    Raises:
        OSError: the disk refused.
    """
    if isinstance(value, Cases):
        _write_cases(path, value, key)
        return
    facts = asdict(value) if isinstance(value, Diagnosis) else [asdict(each) for each in value]
    path.write_text(json.dumps({"key": key, "value": facts}))


def read_part(path: Path, kind: str, *, key: str = "") -> Kept:
    """Return the part in a file.

    Raises:
        OSError, ValueError, TypeError, KeyError, AttributeError, pyarrow.ArrowException: it holds no such part.
    """
    if kind == "cases":
        return _read_cases(path, key)
    kept = json.loads(path.read_text())
    if kept["key"] != key:
        raise ValueError(f"{path}: expected {kind} of another key")
    if kind == "remedies":
        return tuple(Remedy(**_tupled(each)) for each in kept["value"])
    facts = _tupled(kept["value"])
    facts["findings"] = tuple(Finding(**_tupled(each)) for each in facts["findings"])
    facts["checked"] = tuple(Check(**each) for each in facts["checked"])
    return Diagnosis(**facts)


def _tupled(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts by way of JSON with tuples where they had been: no field of ours is a list."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}


def _write_cases(path: Path, cases: Cases, key: str) -> None:
    facts = {
        "key": key,
        "query": cases.query,
        "candidates": cases.candidates,
        "measure": cases.measure,
        "gallery": cases.gallery,
        "left_out": cases.left_out,
        "statistics": {**asdict(cases.statistics), "top1_counts": cases.statistics.top1_counts.tolist()},
    }
    table = pa.Table.from_pandas(cases.table, preserve_index=False)
    own = {**(table.schema.metadata or {}), _FACTS: json.dumps(facts).encode()}
    pq.write_table(table.replace_schema_metadata(own), path)


def _read_cases(path: Path, key: str) -> Cases:
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[_FACTS])
    if facts.pop("key") != key:
        raise ValueError(f"{path}: expected cases of another key")
    statistics = facts.pop("statistics")
    top1_counts = torch.tensor(statistics.pop("top1_counts"), dtype=torch.int64)
    frame: pd.DataFrame = table.to_pandas()
    candidates = tuple(facts.pop("candidates"))
    return Cases(
        table=frame, candidates=candidates, statistics=GalleryStatistics(top1_counts=top1_counts, **statistics), **facts
    )
