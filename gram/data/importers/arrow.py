"""Arrow files, which Feather (version 2) is another name of, in the stream format and the one of random access."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from gram.data.importers.base import Table
from gram.data.importers.columns import ERRORS, Rows, add_rows
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.errors import EmbeddingSetError

SUFFIXES = (".feather", ".arrow")
HOLDS_ITEMS = (".feather",)

_REMEDY = "write it again, with pandas or pyarrow"


def read(path: Path, limits: Limits) -> Table:
    """Return the columns of a Feather (version 2) or Arrow file.

    Raises:
        EmbeddingSetError: no such file, or one that is damaged or larger than `limits` allow.
    """
    limits.check_file(path)
    table = Table("Feather")
    add_rows(table, arrow_rows([path], str(path), limits))
    return table


def arrow_rows(paths: list[Path], where: str, limits: Limits) -> Rows:
    """Return the rows of Arrow files with one schema, one after the other.

    Raises:
        EmbeddingSetError: a file that is no Arrow file, or files whose columns differ.
    """
    schema, n = None, 0
    for path in paths:
        with reraise_as_set_error(path, "an Arrow file", _REMEDY, *ERRORS):
            for batch in _batches(path):
                if schema is not None and not batch.schema.equals(schema):
                    raise EmbeddingSetError(f"{path}: its columns differ from those before; write all files alike")
                schema, n = schema or batch.schema, n + len(batch)
                limits.check_unpacked(where, batch.nbytes)
                limits.check_items(where, n)
    if schema is None:
        raise EmbeddingSetError(f"{where}: has no rows; a set holds at least one item")

    def read_batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        for path in paths:
            for batch in _batches(path):
                yield batch.select(names)

    return Rows(where, schema, n, read_batches, limits)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as mapped:
        if mapped.read(6) == b"ARROW1":
            with pa.ipc.open_file(mapped) as file:
                yield from map(file.get_batch, range(file.num_record_batches))
        else:
            mapped.seek(0)
            with pa.ipc.open_stream(mapped) as stream:
                yield from stream
