"""Small files that make libraries take much memory or time, or crash, and sound ones that look odd."""

import gzip
import json
import struct
import zipfile
import zlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch


def _element(kind, data):
    return struct.pack("<LL", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def many_dimensions(folder):
    """A MATLAB 5 matrix of 80,000 dimensions, a few hundred bytes when packed."""
    body = _element(6, struct.pack("<LL", 6, 0)) + _element(5, np.full(80_000, 2**31 - 1, "<i4").tobytes())
    body = struct.pack("<LL", 14, len(body) + 24) + body + _element(1, b"m") + _element(9, b"")
    packed = zlib.compress(body, 9)
    path = folder / "dimensions.mat"
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + struct.pack("<LL", 15, len(packed)) + packed)
    return path


def nested_cells(folder):
    """A MATLAB 5 cell in a cell in a cell, 100,000 deep: scipy reads it recursively, until the stack overflows."""
    level = (
        struct.pack("<LL", 14, 2**27) + _element(6, struct.pack("<LL", 1, 0)) + _element(5, struct.pack("<ll", 1, 1))
    )
    packed = zlib.compress(level + _element(1, b"m") + (level + _element(1, b"")) * 100_000, 9)
    path = folder / "cells.mat"
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + struct.pack("<LL", 15, len(packed)) + packed)
    return path


def repeated_number(folder):
    """Tensors of half a GB each that are one number, repeated by strides of 0."""
    path = folder / "repeated.pt"
    torch.save({f"m{i}": torch.ones(1).expand(500_000, 256) for i in range(4)}, path)
    return path


def long_words(folder):
    """A Parquet file of 30,000 rows that all have the same label of 90 kB."""
    labels = pa.DictionaryArray.from_arrays(pa.array(np.zeros(30_000, np.int8)), pa.array(["long " * 18_000]))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(60_000, np.float32)), 2)
    path = folder / "words.parquet"
    pq.write_table(pa.table({"label": labels, "text": vectors}), path, compression="zstd", store_schema=False)
    return path


def long_vectors(folder):
    """A Parquet file of two vectors of 40 million zeros each."""
    values = pa.array(np.zeros(80_000_000, np.float32))
    lists = pa.ListArray.from_arrays(pa.array(np.array([0, 40_000_000, 80_000_000], np.int32)), values)
    path = folder / "vectors.parquet"
    pq.write_table(pa.table({"text": lists}), path, compression="zstd")
    return path


def key_of_its_own(folder):
    """Objects with a key of their own each: a table of 10,000 columns."""
    path = folder / "keys.jsonl"
    lines = (json.dumps({"id": row, "text": [0.5, row], f"only{row}": True}) for row in range(10_000))
    path.write_text("\n".join(lines))
    return path


def packed_twice(folder):
    """A gzip file of 300 MB of zeros."""
    path = folder / "zeros.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(300):
            file.write(b"0," * 2**19)
    return path


def many_objects(folder):
    """A .pt file whose description is two million empty dicts: 130 MB of objects."""
    path = folder / "objects.pt"
    pickled = b"\x80\x02](" + b"}" * 2_000_000 + b"e."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("objects/data.pkl", pickled)
    return path


def one_category(folder):
    """A sound table with a column of one category."""
    table = pd.DataFrame({"text": list(np.arange(12.0).reshape(6, 2)), "image": list(np.ones((6, 2)))})
    table["split"] = pd.Categorical(["train"] * 6)
    path = folder / "category.parquet"
    table.to_parquet(path)
    return path


def huge_number(folder):
    """A vector with a whole number of 350 digits."""
    path = folder / "number.jsonl"
    path.write_text('{"id": 1, "text": [1, 2]}\n{"id": 2, "text": [1, ' + "8" * 350 + "]}\n")
    return path


SOUND = {one_category: 6, huge_number: 2}  # -> rows
HOSTILE = [many_dimensions, nested_cells, repeated_number, long_words, long_vectors, key_of_its_own, packed_twice,
           many_objects]  # fmt: skip
