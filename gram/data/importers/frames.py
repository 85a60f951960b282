"""Parquet, Feather and Arrow files, read in batches."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gram.data.importers.arrow import ERRORS, Rows, add_rows
from gram.data.importers.ipc_claims import claimed
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.data.importers.packed_items import METADATA, read_info
from gram.data.importers.parquet_footer import read_claims
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

_BATCH = 4096
_REMEDY = "write it again, with pandas or pyarrow"


def read_parquet(path: Path, limits: Limits) -> Table:
    """Return the columns of a Parquet file.

    Raises:
        EmbeddingSetError: no Parquet file, or one that unpacks to more than `limits` allow.
    """
    limits.check_file(path)
    table = Table("Parquet")
    rows = parquet_rows(path, str(path), limits)
    table.info = read_info((rows.schema.metadata or {}).get(METADATA), str(path))
    add_rows(table, rows)
    return table


def parquet_rows(source: Path | bytes, where: str, limits: Limits) -> Rows:
    """Return the rows of a Parquet file, or of its bytes, once its footer is known to claim no more than allowed.

    Raises:
        EmbeddingSetError: no Parquet file, or one that unpacks to more than `limits` allow.
    """

    def opened() -> pq.ParquetFile:
        return pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else str(source))

    with reraise_as_set_error(where, "Parquet", _REMEDY, *ERRORS):
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            claims = read_claims(file, len(source) if isinstance(source, bytes) else source.stat().st_size)
        limits.check_unpacked(where, claims.unpacked, max(1, claims.packed))
        limits.check_unpacked(where, 4 * claims.values)
        with opened() as parquet:
            n, schema = parquet.metadata.num_rows, parquet.schema_arrow
            limits.check_items(where, n)
    if n < 0:
        raise EmbeddingSetError(f"{where}: its footer is damaged; {_REMEDY}")

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        with opened() as file:
            for batch in file.iter_batches(_BATCH, columns=names, use_threads=len(names) > 8):
                yield batch.select(names)

    return Rows(where, schema, n, read, limits)


def read_feather(path: Path, limits: Limits) -> Table:
    """Return the columns of a Feather (version 2) or Arrow file.

    Raises:
        EmbeddingSetError: no such file, or one that is damaged or larger than `limits` allow.
    """
    limits.check_file(path)
    table = Table("Feather")
    add_rows(table, ipc_rows([path], str(path), limits))
    return table


def ipc_rows(paths: list[Path], where: str, limits: Limits) -> Rows:
    """Return the rows of Arrow files with one schema, one after the other.

    Raises:
        EmbeddingSetError: a file that is no Arrow file, or files whose columns differ.
    """
    schema, n = None, 0
    for path in paths:
        with reraise_as_set_error(path, "an Arrow file", _REMEDY, struct.error, *ERRORS):
            _check_claims(path, limits)
            for batch in _ipc_batches(path):
                if schema is not None and not batch.schema.equals(schema):
                    raise EmbeddingSetError(f"{path}: its columns differ from those before; write all files alike")
                schema, n = schema or batch.schema, n + len(batch)
                limits.check_items(where, n)
                limits.check_unpacked(where, batch.nbytes)
    if schema is None:
        raise EmbeddingSetError(f"{where}: has no rows; a set holds at least one item")

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        for path in paths:
            for batch in _ipc_batches(path):
                yield batch.select(names)

    return Rows(where, schema, n, read, limits)


def _ipc_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with _mapped(path) as mapped, pa.ipc.open_stream(mapped) as reader:
        yield from reader


def _mapped(path: Path) -> pa.MemoryMappedFile:
    """Return an Arrow file where its messages start: a file in the random-access format holds a stream."""
    mapped = pa.memory_map(str(path))
    mapped.seek(8 if mapped.read(6) == b"ARROW1" else 0)
    return mapped


def _check_claims(path: Path, limits: Limits) -> None:
    """Check what compressed buffers say they unpack to, before Arrow unpacks them."""
    size = 0
    with _mapped(path) as mapped:
        for message in pa.ipc.MessageReader.open_stream(mapped):
            size += claimed(message)
            limits.check_unpacked(path, size, path.stat().st_size)
