"""Parquet, read in batches of rows; also the items and the info that exported files carry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gram.data.importers.base import Table
from gram.data.importers.columns import ERRORS, Rows, add_rows
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".parquet",)
HOLDS_ITEMS = (".parquet",)

ITEMS, INFO = "items.parquet", "info.json"  # names of arrays with the bytes of these in .npz and .safetensors
METADATA = b"gram"  # the key under which Parquet and safetensors carry the info
_BATCH = 4096
_REMEDY = "write it again, with pandas or pyarrow"


def read(path: Path, limits: Limits) -> Table:
    """Return the columns of a Parquet file.

    Raises:
        EmbeddingSetError: no Parquet file, or one that unpacks to more than `limits` allow.
    """
    limits.check_file(path)
    return read_items(path, str(path), limits)


def read_items(source: Path | bytes, where: str, limits: Limits) -> Table:
    """Return the columns of a Parquet file, or of its bytes, which messages call `where`.

    Raises:
        EmbeddingSetError: as `read` says.
    """
    table = Table("Parquet")
    rows = _rows(source, where, limits)
    table.info = parse_info((rows.schema.metadata or {}).get(METADATA), where)
    add_rows(table, rows)
    return table


def _rows(source: Path | bytes, where: str, limits: Limits) -> Rows:
    def opened() -> pq.ParquetFile:
        return pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else str(source))

    with reraise_as_set_error(where, "Parquet", _REMEDY, *ERRORS), opened() as parquet:
        n, schema, groups = parquet.metadata.num_rows, parquet.schema_arrow, parquet.metadata.num_row_groups
        parts = [parquet.metadata.row_group(group) for group in range(groups)]
        chunks = [part.column(column) for part in parts for column in range(part.num_columns)]
        packed = sum(chunk.total_compressed_size for chunk in chunks)
        limits.check_unpacked(where, sum(chunk.total_uncompressed_size for chunk in chunks), max(1, packed))
        limits.check_unpacked(where, 4 * sum(chunk.num_values for chunk in chunks))
    if n < 0:
        raise EmbeddingSetError(f"{where}: its footer is damaged; {_REMEDY}")
    limits.check_items(where, n)

    def read_batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        with opened() as file:
            for batch in file.iter_batches(_BATCH, columns=names, use_threads=len(names) > 8):
                yield batch.select(names)

    return Rows(where, schema, n, read_batches, limits)


def parse_info(data: bytes | None, where: str) -> dict[str, Any]:
    """Return the info that an exported file carries; nothing where there is none.

    Raises:
        EmbeddingSetError: it is no JSON object.
    """
    if data is None:
        return {}
    with reraise_as_set_error(where, "info", "export it again", ValueError):
        info = json.loads(data)
    if not isinstance(info, dict):
        raise EmbeddingSetError(f"{where}: holds no JSON object; export it again")
    return info
