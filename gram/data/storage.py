"""Read and write the three files of an embedding set."""

import json
import mmap
import reprlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from pyarrow import ArrowException
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from gram.core.atomic import COMMITTED, current_file, read_consistently, replace_files
from gram.errors import EmbeddingSetError

VERSION = 1
EMBEDDINGS, ITEMS, INFO = "embeddings.safetensors", "items.parquet", "info.json"
FEATURES = "features"  # info["kind"] of a set whose modalities do not share one space
_NUMPY_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_SPARSE = 8  # single rows are read where fewer than one in so many is needed


class RowReader:
    """Single rows of a safetensors file, from a map in memory that reads no more of the disk than their pages.

    Ordinary maps, safetensors' own included, read some hundred kilobytes around each row. The file may be replaced
    meanwhile: the map stays with the one that was opened.
    """

    def __init__(self, file: Path) -> None:
        """Map the file and read its header.

        Raises:
            OSError, ValueError, KeyError: it cannot be mapped, or is no safetensors file of float32 or float16.
        """
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        self._map.madvise(mmap.MADV_RANDOM)
        self._arrays, self._begins = {}, {}
        for name in header.keys() - {"__metadata__"}:
            dtype, shape = _NUMPY_DTYPES[header[name]["dtype"]], header[name]["shape"]
            self._begins[name] = 8 + length + header[name]["data_offsets"][0]
            flat = np.frombuffer(self._map, dtype, count=int(np.prod(shape)), offset=self._begins[name])
            self._arrays[name] = flat.reshape(shape)

    @classmethod
    def open(cls, file: Path) -> Self | None:
        """Return a reader of the file; None where the system has no such maps, or the file is not of the format."""
        if not hasattr(mmap, "MADV_RANDOM"):
            return None
        try:
            return cls(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # reported by whoever reads the file whole

    def take(self, names: Iterable[str], rows: Int[Tensor, " m"]) -> dict[str, Float[Tensor, "m d"]]:
        """Return rows of some modalities, in the given order; leave out modalities of which many rows are requested.

        All pages are requested before the first is waited for.
        """
        sparse = [name for name in names if name in self._arrays and len(rows) * _SPARSE <= len(self._arrays[name])]
        for name in sparse:
            size = self._arrays[name][0].nbytes
            for row in rows.sort().values.tolist():
                begin = self._begins[name] + row * size
                page = begin // mmap.PAGESIZE * mmap.PAGESIZE
                self._map.madvise(mmap.MADV_WILLNEED, page, begin + size - page)
        return {name: torch.from_numpy(self._arrays[name][rows.numpy()]) for name in sparse}


Parts = tuple[dict[str, Tensor], pd.DataFrame, dict[str, Any], RowReader | None]


def read_set(folder: Path) -> Parts:
    """Return the parts of a set, unchecked: modalities (mapped into memory, in order), items, info and a row reader.

    The row reader is None where the system has none.

    Raises:
        EmbeddingSetError: a file is absent or unreadable, the version is unknown, or the files disagree on the
            modalities.
    """
    if not folder.exists():
        raise EmbeddingSetError(f"{folder}: does not exist; give the folder of an embedding set")
    if not folder.is_dir():
        raise EmbeddingSetError(f"{folder}: is not a folder; an embedding set is a folder that holds {EMBEDDINGS}")
    return read_consistently(folder, lambda: _read(folder), witness=INFO)


def _read(folder: Path) -> Parts:
    info = read_info(folder)
    items = _read_items(folder)
    modalities = _read_embeddings(folder, info.pop("modalities", None), info.get("anchor"))
    return modalities, items, info, RowReader.open(current_file(folder, EMBEDDINGS))


def check_kind(info: dict[str, Any], where: str, *, one_space: bool) -> None:
    """Remove the kind of a set from `info`; `where` is the file's name in the message.

    Raises:
        EmbeddingSetError: the set holds features where modalities of one space are needed.
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
    """Replace the three files of the set in `folder`, all or none; its other files stay.

    Raises:
        EmbeddingSetError: the folder holds files but no set, the disk refuses, or `items` or `info` hold what
            Parquet or JSON cannot.
    """
    check_writable(folder)

    def write(pending: Path) -> None:
        arrays = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in modalities.items()}
        save_file(arrays, str(pending / EMBEDDINGS))
        _write_items(pending / ITEMS, items)
        _write_info(pending / INFO, {**info, "version": VERSION, "modalities": list(modalities)})
        shutil.copymode(pending / INFO, pending / EMBEDDINGS)  # safetensors writes for the owner alone

    with _reporting(f"{folder}: cannot be written", "free space or give another folder", OSError, SafetensorError):
        replace_files(folder, write)


def check_writable(folder: Path) -> None:
    """Check that a set may be saved in `folder`.

    Raises:
        EmbeddingSetError: the folder holds files but no set.
    """
    if folder.exists() and not _may_write(folder):
        raise EmbeddingSetError(
            f"{folder}: is not an embedding set and not empty, so nothing was written; give a new folder"
        )


def _may_write(folder: Path) -> bool:
    """Return whether the folder holds a set, or nothing but media."""
    if not folder.is_dir():
        return False
    return any((folder / name).exists() for name in (EMBEDDINGS, COMMITTED)) or all(
        path.name == "media" or path.name.startswith(".") for path in folder.iterdir()
    )


@contextmanager
def _reporting(problem: str, remedy: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise these errors as `EmbeddingSetError`: the problem, the first line of the error's message, the remedy."""
    try:
        yield
    except errors as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EmbeddingSetError(f"{problem} ({line}); {remedy}") from error


def _existing(folder: Path, name: str) -> Path:
    file = current_file(folder, name)
    if not file.is_file():
        raise EmbeddingSetError(
            f"{folder / name}: is missing; a set holds {EMBEDDINGS}, {ITEMS} and {INFO}, save it again"
        )
    return file


def _write_info(file: Path, info: Mapping[str, Any]) -> None:
    remedy = "use text, finite numbers, lists and objects"
    with _reporting("info: cannot be written as JSON", remedy, TypeError, ValueError):
        text = json.dumps(info, indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def read_info(folder: Path) -> dict[str, Any]:
    """Return the info of a set, without its version: name, anchor, and "modalities", their order.

    Raises:
        EmbeddingSetError: info.json is missing or is no JSON object, or its version is unknown.
    """
    file = _existing(folder, INFO)
    remedy = "repair it or save the set again"
    with _reporting(f"{folder / INFO}: is not valid JSON", remedy, ValueError, OSError, RecursionError):
        info = json.loads(file.read_text(encoding="utf-8"))
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
    errors = (ArrowException, ValueError, TypeError)
    with _reporting("items: cannot be written as Parquet", "give each column one type", *errors):
        items.to_parquet(file, engine="pyarrow", index=False)


def _read_items(folder: Path) -> pd.DataFrame:
    file, errors = _existing(folder, ITEMS), (ArrowException, ValueError, OSError, KeyError, TypeError)
    with _reporting(f"{folder / ITEMS}: is not readable Parquet", "copy or save the set again", *errors):
        return pd.read_parquet(file, engine="pyarrow")


def _read_embeddings(folder: Path, order: Any, anchor: Any) -> dict[str, Tensor]:
    file, errors = _existing(folder, EMBEDDINGS), (SafetensorError, OSError, ValueError)
    damaged = _reporting(f"{folder / EMBEDDINGS}: is cut short or damaged", "copy or save the set again", *errors)
    with damaged, safe_open(file, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 no mapping
    if order is None:
        order = sorted(tensors, key=lambda name: name != anchor)
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(tensors):
        raise EmbeddingSetError(
            f"{folder / INFO}: lists the modalities {reprlib.repr(order)}, but {EMBEDDINGS} holds "
            f"{', '.join(tensors) or 'none'}; make them agree"
        )
    return {name: tensors[name] for name in order}
