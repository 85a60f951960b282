"""Items and info as files of arrays carry them: the bytes of a Parquet table and of a JSON object."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gram.data.importers.arrow import Rows, add_rows
from gram.data.importers.limits import Limits, reraise_as_set_error
from gram.data.importers.table import Table
from gram.errors import EmbeddingSetError

ITEMS, INFO = "items.parquet", "info.json"
METADATA = b"gram"  # the key under which Parquet and safetensors carry the info


def add_packed(table: Table, path: Path, items: bytes | None, info: bytes | None, limits: Limits) -> None:
    """Add what an exported file carries beside its vectors, if anything.

    Raises:
        EmbeddingSetError: it is damaged.
    """
    from gram.data.importers.frames import parquet_rows

    table.info = read_info(info, f"{path}: '{INFO}'")
    if items is not None:
        add_items(table, parquet_rows(items, f"{path}: '{ITEMS}'", limits))


def add_items(table: Table, rows: Rows) -> None:
    """Add the items of a set; a column that is called as a modality is keeps its name for later.

    Raises:
        EmbeddingSetError: the items are damaged.
    """
    items = Table("items")
    add_rows(items, rows)
    for name, source in items.columns.items():
        table.add(f"{name} (items)" if name in table.columns else name, replace(source, original=name))


def read_info(data: bytes | None, where: str) -> dict[str, Any]:
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
