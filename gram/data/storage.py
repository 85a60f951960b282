"""The three files of an embedding set, read and written."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import safetensors
from safetensors.numpy import save_file
from torch import Tensor

from gram.core.atomic import COMMITTED, current_file, read_consistently, replace_files
from gram.data.row_file import RowFile
from gram.errors import EmbeddingSetError

VERSION = 1
EMBEDDINGS, ITEMS, INFO = "embeddings.safetensors", "items.parquet", "info.json"
FEATURES = "features"  # info["kind"] of a set whose modalities do not share one space
Parts = tuple[dict[str, Tensor], pd.DataFrame, dict[str, Any], RowFile | None]


def read_set(folder: Path) -> Parts:
    """Return modalities (mapped into memory, in order), items and info of a set, not yet checked, and the open file.

    The file is that of the modalities, for what takes a few of their rows; None where the system has no such way.

    Raises:
        EmbeddingSetError: a file is absent or unreadable, the version is unknown, or the files disagree on
            the modalities.
    """
    if not folder.exists():
        raise EmbeddingSetError(f"{folder}: does not exist; give the folder of an embedding set")
    if not folder.is_dir():
        raise EmbeddingSetError(f"{folder}: is not a folder; an embedding set is a folder with {EMBEDDINGS}")
    return read_consistently(folder, lambda: _read(folder), witness=INFO)


def _read(folder: Path) -> Parts:
    info = read_info(folder)
    items = _read_items(folder)
    modalities = _read_embeddings(folder, info.pop("modalities", None), info.get("anchor"))
    return modalities, items, info, RowFile.opened(current_file(folder, EMBEDDINGS))


def check_kind(info: dict[str, Any], where: str, *, one_space: bool) -> None:
    """Take the kind of a set out of its info, once it is known to be what is asked for.

    Raises:
        EmbeddingSetError: the set holds features, and embeddings that share one space are asked for.
    """
    if info.get("kind") != FEATURES:
        return
    if one_space:
        raise EmbeddingSetError(
            f"{where}: this set holds features, whose modalities do not share one space; align them first: "
            "python -m gram align"
        )
    del info["kind"]


def write_set(folder: Path, modalities: Mapping[str, Tensor], items: pd.DataFrame, info: Mapping[str, Any]) -> None:
    """Replace the three files of the set in `folder`, all or none; whatever else is there stays.

    Raises:
        EmbeddingSetError: the folder holds files but no set, the disk refuses, or `items` or `info` hold what
            Parquet or JSON cannot.
    """
    check_writable(folder)

    def write(pending: Path) -> None:
        _write_embeddings(pending / EMBEDDINGS, modalities)
        _write_items(pending / ITEMS, items)
        _write_info(pending / INFO, {**info, "version": VERSION, "modalities": list(modalities)})
        shutil.copymode(pending / INFO, pending / EMBEDDINGS)  # safetensors lets the owner alone read what it writes

    try:
        replace_files(folder, write)
    except (OSError, safetensors.SafetensorError) as error:
        raise EmbeddingSetError(
            f"{folder}: cannot be written ({_line(error)}); free space or give another folder"
        ) from error


def check_writable(folder: Path) -> None:
    """Check that a set may be saved here.

    Raises:
        EmbeddingSetError: the folder holds files but no set.
    """
    if folder.exists() and not _may_write(folder):
        raise EmbeddingSetError(
            f"{folder}: is not an embedding set and not empty, so nothing was written; give a new folder"
        )


def _may_write(folder: Path) -> bool:
    """Return whether saving here surprises nobody: a set, or a folder with nothing or only media in it."""
    if not folder.is_dir():
        return False
    return any((folder / name).exists() for name in (EMBEDDINGS, COMMITTED)) or all(
        path.name == "media" or path.name.startswith(".") for path in folder.iterdir()
    )


def _line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _existing(folder: Path, name: str) -> Path:
    file = current_file(folder, name)
    if not file.is_file():
        raise EmbeddingSetError(
            f"{folder / name}: is missing; a set holds {EMBEDDINGS}, {ITEMS} and {INFO}, save it again"
        )
    return file


def _write_info(file: Path, info: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(info, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise EmbeddingSetError(
            f"info: cannot be written as JSON ({_line(error)}); use text, finite numbers, lists and objects"
        ) from error
    file.write_text(text + "\n", encoding="utf-8")


def read_info(folder: Path) -> dict[str, Any]:
    """Return what info.json of a set's folder holds.

    Raises:
        EmbeddingSetError: the file is missing or is no JSON object.
    """
    file = _existing(folder, INFO)
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise EmbeddingSetError(
            f"{folder / INFO}: is not valid JSON ({_line(error)}); repair it or save the set again"
        ) from error
    if not isinstance(info, dict):
        raise EmbeddingSetError(f"{folder / INFO}: holds a {type(info).__name__}; expected a JSON object")
    version = info.pop("version", None)
    if version != VERSION:
        raise EmbeddingSetError(
            f"{folder / INFO}: version {version!r} is unknown, this program reads version {VERSION}; "
            "update the program, or save the set again"
        )
    return info


def _write_items(file: Path, items: pd.DataFrame) -> None:
    try:
        items.to_parquet(file, engine="pyarrow", index=False)
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise EmbeddingSetError(
            f"items: cannot be written as Parquet ({_line(error)}); give each column one type"
        ) from error


def _read_items(folder: Path) -> pd.DataFrame:
    file = _existing(folder, ITEMS)
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except (pyarrow.ArrowException, ValueError, OSError, KeyError, TypeError) as error:
        raise EmbeddingSetError(
            f"{folder / ITEMS}: is not readable Parquet ({_line(error)}); copy or save the set again"
        ) from error


def _write_embeddings(file: Path, modalities: Mapping[str, Tensor]) -> None:
    save_file({name: np.ascontiguousarray(tensor.numpy()) for name, tensor in modalities.items()}, str(file))


def _read_embeddings(folder: Path, order: Any, anchor: Any) -> dict[str, Tensor]:
    file = _existing(folder, EMBEDDINGS)
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 no mapping
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise EmbeddingSetError(
            f"{folder / EMBEDDINGS}: is cut short or damaged ({_line(error)}); copy or save the set again"
        ) from error
    if order is None:
        order = sorted(tensors, key=lambda name: name != anchor)
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(tensors):
        raise EmbeddingSetError(
            f"{folder / INFO}: lists the modalities {order}, but {EMBEDDINGS} holds "
            f"{', '.join(tensors) or 'none'}; make them agree"
        )
    return {name: tensors[name] for name in order}
