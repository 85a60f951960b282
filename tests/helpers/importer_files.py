"""The same small set written to every format that is read, each by the library that people use for it."""

import gzip
import json
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import scipy.io
import torch
from safetensors.numpy import save_file

from gram import FeatureSet

SIZES = {"text": 12, "video": 5, "audio": 4}
N = 7


def make_vectors(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(n, d)).astype(np.float32) for name, d in SIZES.items()}


def make_table(n=N):
    return pd.DataFrame({"id": [f"00{i}" for i in range(n)], "label": [f"item {i}" for i in range(n)]})


def _lists(vectors):
    return make_table(len(vectors["text"])).assign(**{name: list(array) for name, array in vectors.items()})


def _wide(vectors, separator):
    numbers = {f"{name}{separator}{i}": column for name, x in vectors.items() for i, column in enumerate(x.T)}
    names = sorted(numbers)  # as text: text_10 before text_2
    return pd.concat([make_table(len(vectors["text"])), pd.DataFrame({name: numbers[name] for name in names})], axis=1)


def _plain(cell):
    return cell.tolist() if isinstance(cell, np.ndarray) else cell


def npy_folder(path, vectors):
    path.mkdir()
    for name, array in vectors.items():
        np.save(path / f"{name}.npy", array)
    make_table(len(vectors["text"])).to_csv(path / "items.csv", index=False)


def npz(path, vectors):
    table = make_table(len(vectors["text"]))
    np.savez(path, **vectors, id=table["id"].to_numpy("U"), label=table["label"].to_numpy("U"))


def npz_packed(path, vectors):
    table = make_table(len(vectors["text"]))
    np.savez_compressed(path, **vectors, id=table["id"].to_numpy("U"), label=table["label"].to_numpy("U"))


def safetensors(path, vectors):
    save_file(vectors, path)


def torch_file(path, vectors):
    table = make_table(len(vectors["text"]))
    tensors = {f"feat_{name[0]}": torch.from_numpy(array) for name, array in vectors.items()}
    torch.save({**tensors, "ids": list(table["id"]), "label": list(table["label"])}, path)


def torch_nested(path, vectors):
    torch.save({"features": {name: torch.from_numpy(array) for name, array in vectors.items()}}, path)


def torch_folder(path, vectors):
    path.mkdir()
    for name, array in vectors.items():
        torch.save(torch.from_numpy(array), path / f"500{name}_features_msrvtt.pt")


def parquet(path, vectors):
    _lists(vectors).to_parquet(path)


def parquet_wide(path, vectors):
    _wide(vectors, ".").to_parquet(path)


def feather(path, vectors):
    pyarrow.feather.write_feather(pa.Table.from_pandas(_lists(vectors)), path)


def feather_plain(path, vectors):
    pyarrow.feather.write_feather(pa.Table.from_pandas(_lists(vectors)), path, compression="uncompressed")


def json_lines(path, vectors):
    rows = [{name: _plain(cell) for name, cell in row.items()} for row in _lists(vectors).to_dict("records")]
    path.write_text("\n".join(map(json.dumps, rows)))


def json_table(path, vectors):
    table = {name: [_plain(cell) for cell in column] for name, column in _lists(vectors).items()}
    path.write_text(json.dumps(table))


def csv_wide(path, vectors):
    _wide(vectors, "_").to_csv(path, index=False)


def csv_lists(path, vectors):
    rows = _lists(vectors)
    for name in vectors:
        rows[name] = [json.dumps(x.tolist()) for x in rows[name]]
    rows.to_csv(path, index=False, sep=";")


def csv_gz(path, vectors):
    with gzip.open(path, "wb") as file:
        file.write(_wide(vectors, "-").to_csv(index=False).encode())


def matlab(path, vectors):
    scipy.io.savemat(path, {"text": vectors["text"], "video": vectors["video"].T, "audio": vectors["audio"]})


def matlab_cells(path, vectors):
    cells = np.empty((1, 3), object)
    cells[0] = [vectors["text"].T, vectors["video"].T, vectors["audio"].T]
    scipy.io.savemat(path, {"X": cells, "Y": np.arange(N)[:, None]}, do_compression=True)


def matlab_73(path, vectors):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in vectors.items():
            file[name] = array.T  # MATLAB's n x d is HDF5's d x n
            file[name].attrs["MATLAB_class"] = np.bytes_("single")


def matlab_73_cells(path, vectors):
    with h5py.File(path, "w") as file:
        references = [file.create_dataset(f"#refs#/{i}", data=array.T).ref for i, array in enumerate(vectors.values())]
        file.create_dataset("X", data=np.array([references], dtype=h5py.ref_dtype))
        file["X"].attrs["MATLAB_class"] = np.bytes_("cell")
        file["Y"] = np.arange(N, dtype=np.float64)[None]


def dataset(path, vectors):
    """As `datasets.Dataset.save_to_disk` writes it; `test_importer_datasets` holds it to the real one."""
    path.mkdir()
    table = pa.Table.from_pandas(_lists(vectors), preserve_index=False).replace_schema_metadata(None)
    with pa.OSFile(str(path / "data-00000-of-00001.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (path / "dataset_info.json").write_text("{}")


def own(path, vectors):
    FeatureSet(modalities=vectors, items=make_table(len(vectors["text"]))).save(path)


def zipped(path, vectors):
    folder = path.with_suffix("")
    npy_folder(folder, vectors)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"set/{file.name}")
            file.unlink()
    folder.rmdir()


# writer -> name of what it writes; those in NUMBERED carry no ids
WRITERS = {
    npy_folder: "npys", npz: "a.npz", npz_packed: "packed.npz", safetensors: "a.safetensors", torch_file: "a.pt",
    torch_nested: "nested.pth", torch_folder: "pts", parquet: "a.parquet", parquet_wide: "wide.parquet",
    feather: "a.feather", feather_plain: "plain.feather", json_lines: "a.jsonl", json_table: "a.json",
    csv_wide: "wide.csv", csv_lists: "lists.csv", csv_gz: "a.csv.gz", matlab: "a.mat", matlab_cells: "cells.mat",
    matlab_73: "a73.mat", matlab_73_cells: "cells73.mat", dataset: "dataset", own: "own", zipped: "a.zip",
}  # fmt: skip
NUMBERED = {safetensors, torch_nested, torch_folder, matlab, matlab_cells, matlab_73, matlab_73_cells}
VIEWS = {matlab_cells, matlab_73_cells}
