"""Small embedding sets, and ways to spoil what one has on disk."""

import json

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from gram import EmbeddingSet


def make_arrays(n=6, d=4, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(n, d)).astype(dtype) for name in ("text", "image", "speech")}


def make_items(n=6):
    return pd.DataFrame({"id": [f"{i:04d}" for i in range(n)], "label": [f"item {i}" for i in range(n)]})


def make_set(n=6, d=4, seed=0, dtype=np.float32, **info):
    return EmbeddingSet(modalities=make_arrays(n, d, seed, dtype), items=make_items(n), info={"name": "toy", **info})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def edit_info(folder, **changes):
    info = json.loads((folder / "info.json").read_text())
    info = {key: value for key, value in (info | changes).items() if value is not ...}
    (folder / "info.json").write_text(json.dumps(info))


def edit_embeddings(folder, edit):
    arrays = {name: array.copy() for name, array in load_file(folder / "embeddings.safetensors").items()}
    arrays = edit(arrays) or arrays
    save_file(arrays, folder / "embeddings.safetensors")


def edit_items(folder, edit):
    edit(pd.read_parquet(folder / "items.parquet")).to_parquet(folder / "items.parquet")
