"""Cached rows of the table of all measures: what was computed before, in this session or an earlier one."""

import os

from app.data import collections
from app.data import sets as set_data
from app.jobs.measure_store import find_rows, rows_file, rows_key
from app.jobs.measures import MeasureJob
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.measure_table import Row


def key(model: str, candidates: tuple[str, ...]) -> str:
    """Return the key of a model's rows: it changes with the embeddings and with the candidates."""
    return _key(set_data.fingerprint(model), candidates, set_data.load_set(model))


def rows(model: str, candidates: tuple[str, ...]) -> tuple[Row, ...]:
    """Return the rows that were computed before; treat them as read-only."""
    found = key(model, candidates)
    file = rows_file(found)
    collections.goes_with_session(file)
    try:
        stat = file.stat()
    except OSError:
        return ()
    return _rows(found, str(file), stat.st_mtime_ns, stat.st_size)


def job(candidates: tuple[str, ...]) -> MeasureJob:
    """Start to measure what is still missing of both models."""
    sets = {model: set_data.load_set(model) for model in set_data.models()}
    anchor = sets[set_data.models()[0]].anchor
    device = os.environ.get("GRAM_DEVICE", "auto")
    return collections.works_on_open_data(MeasureJob(sets, anchor, candidates, device=device))


@set_data.cached(max_entries=64)
def _key(fingerprint: tuple[str, int], candidates: tuple[str, ...], _embedding_set: EmbeddingSet) -> str:
    return rows_key(_embedding_set, _embedding_set.anchor, candidates)


@set_data.cached(max_entries=64)
def _rows(found: str, file: str, written: int, size: int) -> tuple[Row, ...]:
    return find_rows(found)
