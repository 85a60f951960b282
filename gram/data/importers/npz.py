"""NumPy's .npz: arrays that are stored are mapped, those that are compressed are unpacked; nothing is unpickled."""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from gram.data.importers.base import Table, dtype_name, from_array
from gram.data.importers.limits import Limits, one_line, reraise_as_set_error
from gram.data.importers.npy import ERRORS, read_header
from gram.data.importers.parquet import INFO, ITEMS, parse_info, read_items
from gram.data.importers.zip import ERRORS as ZIP_ERRORS
from gram.data.importers.zip import open_archive, start_of

SUFFIXES = (".npz",)
_REMEDY = "save it again with np.savez"


def read(path: Path, limits: Limits) -> Table:
    """Return the arrays of an .npz file; each is read when it is loaded.

    Raises:
        EmbeddingSetError: no .npz file, or an array that the importer of .npy would refuse.
    """
    table = Table("NumPy arrays (.npz)")
    packed: dict[str, bytes] = {}
    with open_archive(path, limits, "an .npz archive", _REMEDY) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename:
                table.leave_out(name, "it is no .npy array")
                continue
            where = f"{path}: '{one_line(name)}'"
            with reraise_as_set_error(where, "a NumPy array", _REMEDY, *ZIP_ERRORS), archive.open(entry) as file:
                header = read_header(file, entry.file_size, where)
                stored = entry.compress_type == zipfile.ZIP_STORED and entry.file_size > 0
                mapped = header.mapped(path, start_of(path, entry)) if stored else None
            load = partial(_load, path, entry, where)
            if name in (ITEMS, INFO) and header.dtype == np.uint8 and len(header.shape) == 1:
                packed[name] = load().tobytes()
            else:
                from_array(table, name, header.shape, dtype_name(header.dtype), load, limits, mapped=mapped)
    table.info = parse_info(packed.get(INFO), f"{path}: '{INFO}'")
    if ITEMS in packed:
        table.add_items(read_items(packed[ITEMS], f"{path}: '{ITEMS}'", limits))
    return table


def _load(path: Path, entry: zipfile.ZipInfo, where: str) -> np.ndarray:
    with (
        reraise_as_set_error(where, "a NumPy array", _REMEDY, *ZIP_ERRORS, *ERRORS),
        zipfile.ZipFile(path) as archive,
        archive.open(entry) as file,
    ):
        return np.lib.format.read_array(file, allow_pickle=False)
