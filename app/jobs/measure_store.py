"""Rows kept on disk in the user's cache: one small JSON file for a set, a query and candidates."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gram import __version__
from gram.core.cache import Cache, digest
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.measure_table import Row
from gram.retrieval.task import check_candidates

_FORMAT = 1
CACHE = Cache("measures", ".json", keep=256)


def rows_key(embedding_set: EmbeddingSet, query: str, candidates: Sequence[str]) -> str:
    """Return a digest of all that the rows depend on: the vectors of the query and of the candidates, and the version.

    Raises:
        ValueError: unknown modality; a query that is also a candidate.
    """
    names = (query, *check_candidates(embedding_set, candidates, query=query))
    return digest([_FORMAT, __version__], {name: embedding_set.modalities[name] for name in names})


def rows_file(key: str) -> Path:
    """Return where the rows of a key are kept, if there are any."""
    return CACHE.path(key)


def find_rows(key: str) -> tuple[Row, ...]:
    """Return the rows kept under a key, none if there is no file or it cannot be read."""
    try:
        kept = json.loads(rows_file(key).read_text())
        if kept["key"] != key:
            return ()
        return tuple(Row.from_dict(facts) for facts in kept["rows"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ()


def keep_row(key: str, row: Row) -> Path | None:
    """Add a row to those of a key, in place of an older one of its task; return the file, None if the disk refuses."""
    rows = [*(kept for kept in find_rows(key) if kept.task != row.task), row]
    kept = json.dumps({"key": key, "rows": [asdict(each) for each in rows]})
    return CACHE.put(key, lambda path: path.write_text(kept))
