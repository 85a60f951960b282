"""Files that must not be read: pickles, bombs, headers that lie, paths that lead out. One line says what to do."""

import gzip
import json
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import scipy.io
import torch

from gram import EmbeddingSetError
from gram.data.importers import Limits, inspect, read, row_errors
from tests.fuzz.importers import fuzz
from tests.helpers.importer_files import WRITERS, make_vectors, npy_folder, own

SMALL = Limits(file=2**26, unpacked=2**26, items=10**6)


class Trap:
    """Tells when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return (_spring, ())


def _spring():
    Trap.sprung = True


def header_of(shape, descr="<f4"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def objects_npy(path):
    np.save(path / "a.npy", np.array([Trap(), Trap()], dtype=object), allow_pickle=True)
    return path / "a.npy"


def objects_npz(path):
    np.savez(path / "a.npz", text=np.ones((2, 2)), x=np.array([Trap(), Trap()], dtype=object))
    return path / "a.npz"


def pickled(path):
    (path / "a.pt").write_bytes(pickle.dumps({"text": Trap()}))
    return path / "a.pt"


def torch_with_objects(path):
    torch.save({"text": torch.ones(2, 2), "x": Trap()}, path / "a.pt")
    return path / "a.pt"


def torch_with_numpy(path):
    torch.save({"text": np.ones((2, 2))}, path / "a.pt")
    return path / "a.pt"


def old_torch(path):
    torch.save({"text": torch.ones(2, 2)}, path / "a.pt", _use_new_zipfile_serialization=False)
    return path / "a.pt"


def npy_of_a_trillion_rows(path):
    (path / "a.npy").write_bytes(header_of((10**12, 512)) + b"\0" * 64)
    return path / "a.npy"


def npy_of_nothing_a_trillion_times(path):
    (path / "a.npy").write_bytes(header_of((10**12,), "<U0"))
    return path / "a.npy"


def npz_that_lies(path):
    with zipfile.ZipFile(path / "a.npz", "w") as archive:
        archive.writestr("text.npy", header_of((10**10, 512)) + b"\0" * 64)
    return path / "a.npz"


def npz_bomb(path):
    with zipfile.ZipFile(path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text.npy", header_of((2**22, 5)) + b"\0" * (2**24 * 5))
    return path / "a.npz"


def npz_bomb_in_parts(path):
    with zipfile.ZipFile(path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.npy", header_of((2**20, 5)) + b"\0" * (20 * 2**20))
    return path / "a.npz"


def gzip_bomb(path):
    with gzip.open(path / "a.csv.gz", "wb", 1) as file:
        for _ in range(100):
            file.write(b"0," * 2**19)
    return path / "a.csv.gz"


def parquet_bomb(path):
    column = pa.array(np.zeros(2**25, np.float32))
    pq.write_table(pa.table({"text": pa.FixedSizeListArray.from_arrays(column, 2**25)}), path / "a.parquet")
    return path / "a.parquet"


def feather_bomb(path):
    column = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**25, np.float32)), 2)
    pyarrow.feather.write_feather(pa.table({"text": column}), path / "a.feather", compression="zstd", chunksize=2**25)
    return path / "a.feather"


def safetensors_that_lies(path):
    header = json.dumps({"text": {"dtype": "F32", "shape": [10**9, 512], "data_offsets": [0, 64]}}).encode()
    (path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)
    return path / "a.safetensors"


def h5_of_a_trillion_rows(path):
    with h5py.File(path / "a.mat", "w", userblock_size=512) as file:
        file.create_dataset("text", shape=(512, 10**9), dtype="f4", chunks=(512, 64))
    return path / "a.mat"


def h5_elsewhere(path):
    with h5py.File(path / "other.h5", "w") as file:
        file["x"] = np.ones((3, 2))
    with h5py.File(path / "a.mat", "w") as file:
        file["text"] = h5py.ExternalLink("other.h5", "/x")
    return path / "a.mat"


def mat_bomb(path):
    scipy.io.savemat(path / "a.mat", {"text": np.zeros((2**22, 3))}, do_compression=True)
    return path / "a.mat"


def mat_with_a_function(path):
    inner = struct.pack("<LLLL", 6, 8, 16, 0) + struct.pack("<LLll", 5, 8, 1, 1) + struct.pack("<LL8s", 1, 1, b"f")
    (path / "a.mat").write_bytes(b" " * 124 + b"\0\1IM" + struct.pack("<LL", 14, len(inner)) + inner)
    return path / "a.mat"


def deep_json(path):
    (path / "a.json").write_text("[" * 100_000)
    return path / "a.json"


def deep_json_lines(path):
    (path / "a.jsonl").write_text('{"text": ' + "[" * 100_000)
    return path / "a.jsonl"


def zip_that_climbs(path):
    with zipfile.ZipFile(path / "a.zip", "w") as archive:
        archive.writestr("../../text.npy", b"x")
    return path / "a.zip"


def zip_with_a_link(path):
    link = zipfile.ZipInfo("text.npy")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return path / "a.zip"


def folder_with_a_link(path):
    (path / "set").mkdir()
    np.save(path / "text.npy", np.ones((3, 2)))
    (path / "set" / "text.npy").symlink_to(path / "text.npy")
    return path / "set"


def own_set_with_a_link(path):
    own(path / "set", make_vectors())
    (path / "set" / "items.parquet").rename(path / "items.parquet")
    (path / "set" / "items.parquet").symlink_to(path / "items.parquet")
    return path / "set"


def dataset_that_climbs(path):
    WRITERS_BY_NAME["dataset"](path / "set", make_vectors())
    (path / "set" / "data-00000-of-00001.arrow").rename(path / "data.arrow")
    (path / "set" / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../data.arrow"}]}))
    return path / "set"


WRITERS_BY_NAME = {writer.__name__: writer for writer in WRITERS}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (objects_npy, "holds Python objects, which are never unpickled; save numbers: np.save"),
        (objects_npz, "'x': holds Python objects, which are never unpickled; save numbers"),
        (pickled, "is not in the form that torch writes since 1.6, .* save it again with torch.save"),
        (old_torch, "is not in the form that torch writes since 1.6"),
        (torch_with_objects, r"holds .*_spring, which is never unpickled; save tensors alone: torch.save\("),
        (torch_with_numpy, "holds numpy.*, which is never unpickled; save tensors alone"),
        (npy_of_a_trillion_rows, "header says 1,000,000,000,000 x 512 float32, .* but 64 follow"),
        (npy_of_nothing_a_trillion_times, "its header is damaged"),
        (npz_that_lies, "'text': its header says 10,000,000,000 x 512 float32"),
        (npz_bomb, "'text.npy': unpacks to 83.9 MB, and at most 67.1 MB are read"),
        (npz_bomb_in_parts, "a.npz: unpacks to 105 MB, and at most 67.1 MB are read"),
        (gzip_bomb, "unpack to more than 67.1 MB"),
        (parquet_bomb, "unpacks to 134 MB, and at most 67.1 MB are read"),
        (feather_bomb, "unpacks to 134 MB, and at most 67.1 MB are read"),
        (safetensors_that_lies, "is not readable as safetensors"),
        (h5_of_a_trillion_rows, "'text': unpacks to 2,048 GB"),
        (h5_elsewhere, "'text' points elsewhere"),
        (mat_bomb, "unpack to more than 67.1 MB"),
        (mat_with_a_function, r"holds a function handle, which is not read; save the matrices alone: save\('views"),
        (deep_json, "is (nested too deeply to be|not readable as) JSON"),
        (deep_json_lines, "line 1: is (nested too deeply to be|not readable as) JSON"),
        (zip_that_climbs, "holds '../../text.npy', which lies outside the archive"),
        (zip_with_a_link, "holds 'text.npy', which is a link or a device"),
        (folder_with_a_link, "text.npy: leads out of the folder"),
        (own_set_with_a_link, "items.parquet: leads out of the folder"),
        (dataset_that_climbs, "its file '../data.arrow' is missing or outside"),
    ],
)
def test_what_is_refused(make, message, tmp_path):
    path = make(tmp_path)
    with pytest.raises(EmbeddingSetError, match=message) as caught:
        read(inspect(path, limits=SMALL))
    assert len(str(caught.value).splitlines()) == 1
    assert not Trap.sprung


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", "files of the kind '.txt' are not read; give one of .npy"),
        ("a.npy", b"", "a.npy: is empty; write or copy it again"),
        ("a.npy", b"PK\3\4", "is not readable as a NumPy array"),
        ("a.csv", b"id,label\n1,x\n2,y\n", "no vectors in it .'id' has one value an item; 'label' has one value"),
        ("a.csv", b"id,id\n1,x\n", "a.csv: two columns are called 'id'; rename one"),
        ("a.jsonl", b'{"text": [1, 2]}\n[1]\n', r"line 2 holds no JSON object but \[1\]"),
        ("a.json", b'{"a": 1}', "holds no table; write a list of objects"),
        ("a.mat", b"x" * 200, "is no .mat file of version 5 or 7.3"),
    ],
)
def test_what_is_not_understood(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EmbeddingSetError, match=message):
        inspect(tmp_path / name)


def test_no_file_and_too_large_a_file(tmp_path):
    with pytest.raises(EmbeddingSetError, match="nowhere: does not exist; give the path of a file or a folder"):
        inspect(tmp_path / "nowhere")
    np.save(tmp_path / "a.npy", np.ones((100, 4)))
    with pytest.raises(EmbeddingSetError, match=r"has 3.33 kB, and at most 1 kB are read"):
        inspect(tmp_path / "a.npy", limits=Limits(file=1000))
    with pytest.raises(EmbeddingSetError, match="has 100 rows, and at most 99 are read"):
        inspect(tmp_path / "a.npy", limits=Limits(items=99))


def test_two_tables_and_no_array(tmp_path):
    for name in ("a", "b"):
        pd.DataFrame({"id": [1]}).to_csv(tmp_path / f"{name}.csv")
    with pytest.raises(EmbeddingSetError, match=r"holds several tables \(a.csv, b.csv\) and no arrays"):
        inspect(tmp_path)


def test_rows_that_do_not_fit(tmp_path):
    npy_folder(tmp_path / "set", make_vectors())
    np.save(tmp_path / "set" / "audio.npy", np.ones((6, 4), np.float32))
    found = inspect(tmp_path / "set")
    with pytest.raises(EmbeddingSetError, match="'audio' has 6 rows, and the others have 7; give each item one row"):
        read(found)
    assert "'audio' has 6 rows" in row_errors(found)[0].what


def test_bugs_of_ours_show_as_bugs(tmp_path, monkeypatch):
    npy_folder(tmp_path / "set", make_vectors())

    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("gram.data.importers.npy.from_array", broken)
    with pytest.raises(ZeroDivisionError):
        inspect(tmp_path / "set")


def test_damaged_files_open_or_are_refused():
    outcomes, failures, slowest = fuzz(first=700_000, count=230)
    assert failures == []
    assert outcomes["opened"] > 10
    assert outcomes["refused"] > 100
    assert slowest < 5
