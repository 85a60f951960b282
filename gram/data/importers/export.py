"""The way out: a set as one file that others read, or in a folder of its own with its media."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
from safetensors.numpy import save_file

from gram.core.paths import file_inside
from gram.data.importers.limits import error_line
from gram.data.importers.parquet import INFO, ITEMS, METADATA
from gram.errors import EmbeddingSetError

if TYPE_CHECKING:
    from gram.data.embedding_set import FeatureSet
    from gram.data.vector_set import VectorSet

_MEDIA = "media"


def export(item_set: VectorSet, path: str | Path) -> None:
    """Write a set to one file, by its suffix: .parquet (a list column a modality), .npz or .safetensors.

    Items and info travel with the vectors, so `inspect` and `read` give the same set again. In .npz and .safetensors
    the items are the bytes of a Parquet file in the array "items.parquet". Media files are not copied.

    Raises:
        EmbeddingSetError: another suffix, the disk refuses, or items or info hold what Parquet or JSON cannot.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise EmbeddingSetError(f"{path}: cannot be written; give a file that ends in {', '.join(EXPORTS)}")
    pending = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(item_set, pending)
        pending.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise EmbeddingSetError(
            f"{path}: cannot be written ({error_line(error)}); free space or give another path"
        ) from error
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise EmbeddingSetError(f"items: cannot be written ({error_line(error)}); give each column one type") from error
    finally:
        pending.unlink(missing_ok=True)


def _info(item_set: VectorSet, columns: dict[str, str] | None = None) -> str:
    info = {**item_set.info, "modalities": item_set.names, "anchor": item_set.anchor}
    if columns:
        info["columns"] = columns
    return json.dumps(info, ensure_ascii=False, allow_nan=False)


def _write_parquet(item_set: VectorSet, path: Path) -> None:
    table = pa.Table.from_pandas(item_set.items, preserve_index=False)
    columns = {}
    for name, tensor in item_set.modalities.items():
        columns[name] = name
        while columns[name] in table.column_names:
            columns[name] += "_embedding"
        array = np.ascontiguousarray(tensor.numpy())
        absent = pa.array(~item_set.present(name).numpy())
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1], mask=absent)
        table = table.append_column(columns[name], vectors)
    metadata = {**(table.schema.metadata or {}), METADATA: _info(item_set, columns).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _arrays(item_set: VectorSet) -> dict[str, np.ndarray]:
    taken: dict[str, Any] = {name: np.ascontiguousarray(t.numpy()) for name, t in item_set.modalities.items()}
    if {ITEMS, INFO} & set(taken):
        raise EmbeddingSetError(f"a modality is called '{ITEMS}' or '{INFO}'; rename it")
    buffer = io.BytesIO()
    item_set.items.to_parquet(buffer, engine="pyarrow", index=False)
    return {**taken, ITEMS: np.frombuffer(buffer.getvalue(), np.uint8)}


def _write_npz(item_set: VectorSet, path: Path) -> None:
    info = np.frombuffer(_info(item_set).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{**_arrays(item_set), INFO: info})


def _write_safetensors(item_set: VectorSet, path: Path) -> None:
    save_file(_arrays(item_set), str(path), metadata={METADATA.decode(): _info(item_set)})
    os.chmod(path, 0o666 & ~_umask())  # noqa: PTH101 safetensors lets the owner alone read what it writes


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_WRITERS: dict[str, Callable[[VectorSet, Path], None]] = {
    ".parquet": _write_parquet,
    ".npz": _write_npz,
    ".safetensors": _write_safetensors,
}
EXPORTS = tuple(_WRITERS)


def save(features: FeatureSet, folder: str | Path) -> VectorSet:
    """Save what was read as an embedding set, or as features where sizes differ, and copy its media below media/.

    Returns:
        the saved set, which knows its folder.

    Raises:
        EmbeddingSetError: the folder holds something else, the disk refuses, or a media file is not below the folder
            that was read.
    """
    from gram.data.storage import check_writable

    folder = Path(folder)
    check_writable(folder)
    saved: VectorSet = features.embedding_set() if features.aligned else features.subset(slice(None))
    origin = features.path
    columns = [column for column in features.info.get("media", []) if column in features.items]
    if origin is not None and columns and origin.resolve() != folder.resolve():
        saved.items = saved.items.copy()
        taken: dict[Path, Path] = {}
        for column in columns:
            paths = features.items[column]
            copied = [_copy(origin, path, folder, column, taken) for path in paths]
            saved.items[column] = pd.Series(copied, dtype="str")
    saved.save(folder)
    return saved


def _copy(origin: Path, path: object, folder: Path, column: str, taken: dict[Path, Path]) -> str | None:
    """Copy one media file, and return its path in the new set; `taken` holds what was copied where."""
    if not isinstance(path, str) or not path:
        return None
    file = file_inside(origin, path)
    if file is None:
        raise EmbeddingSetError(
            f"{origin}: column '{column}' names {path[:80]!r}, which is not there; copy the file to that place, or do "
            "not choose the column as media"
        )
    relative = Path(path.replace("\\", "/"))
    relative = relative if relative.parts[0] == _MEDIA else _MEDIA / relative
    while taken.get(relative, file) != file:  # both a.png and media/a.png
        relative = _MEDIA / Path("more") / relative.relative_to(_MEDIA)
    if relative not in taken:
        taken[relative] = file
        try:
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).unlink(missing_ok=True)
            shutil.copyfile(file, folder / relative)
        except OSError as error:
            raise EmbeddingSetError(
                f"{folder / relative}: cannot be written ({error_line(error)}); free space"
            ) from error
    return relative.as_posix()
