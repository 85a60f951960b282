"""Modalities of one number an item (d = 1): guessed by name, chosen by hand, and the same again after an export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gram import EmbeddingSetError, FeatureSet
from gram.data.importers import export, inspect, read, row_errors

N = 9


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {
        "text": rng.normal(size=(N, 6)).astype(np.float32),
        "image": rng.normal(size=(N, 5)).astype(np.float32),
        "depth": rng.normal(size=N).astype(np.float32),
    }


def test_a_number_is_kept_with_the_items_until_it_is_chosen(tmp_path: Path, arrays: dict[str, np.ndarray]):
    np.savez(tmp_path / "a.npz", **arrays)
    found = inspect(tmp_path / "a.npz")
    assert list(found.roles.modalities) == ["text", "image"]
    assert any("'depth' holds one number an item" in note for note in found.notes)
    plan = replace(found.roles, modalities={**found.roles.modalities, "depth": "depth"})
    assert not row_errors(found, plan)
    features = read(found, plan)
    assert features.sizes == {"text": 6, "image": 5, "depth": 1}
    np.testing.assert_array_equal(features.modalities["depth"].numpy()[:, 0], arrays["depth"])
    assert "depth" not in features.items


@pytest.mark.parametrize(("name", "guessed"), [
    ("depth_embedding", True),
    ("feat_d", True),
    ("depth", False),
    ("embedding_norm", False),
    ("image_score", False),
])  # fmt: skip
def test_a_name_says_whether_a_number_is_a_vector(tmp_path: Path, arrays: dict[str, np.ndarray], name: str, guessed):
    np.savez(tmp_path / "a.npz", feat_t=arrays["text"], feat_i=arrays["image"], **{name: arrays["depth"]})
    assert (name in inspect(tmp_path / "a.npz").roles.modalities.values()) is guessed


def test_a_file_of_one_number_an_item_is_told_of(tmp_path: Path, arrays: dict[str, np.ndarray]):
    np.save(tmp_path / "text.npy", arrays["text"])
    np.save(tmp_path / "ink.npy", arrays["depth"][:, None])
    assert any("ink.npy" in note and "one number an item" in note for note in inspect(tmp_path).notes)


@pytest.mark.parametrize("suffix", ["npz", "parquet", "safetensors"])
def test_an_export_with_one_number_an_item_is_read_again(tmp_path: Path, arrays: dict[str, np.ndarray], suffix: str):
    arrays["depth"][3] = np.nan
    given = {name: rows.reshape(N, -1) for name, rows in arrays.items()}
    export(FeatureSet(given, pd.DataFrame({"id": list("abcdefghi")}), {"anchor": "image"}), tmp_path / f"a.{suffix}")
    again = read(inspect(tmp_path / f"a.{suffix}"))
    assert again.anchor == "image"
    assert again.missing() == {"text": 0, "image": 0, "depth": 1}
    for name, rows in given.items():
        np.testing.assert_array_equal(again.modalities[name].numpy(), rows)


def test_nulls_are_missing_and_infinite_numbers_are_named(tmp_path: Path, arrays: dict[str, np.ndarray]):
    table = pa.table({
        "text": list(arrays["text"]),
        "depth": pa.array([None, np.inf, *range(1, N - 1)], pa.float64()),
        "count": pa.array([None, *range(1, N)], pa.int64()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    found = inspect(tmp_path / "a.parquet")
    plan = replace(found.roles, modalities={"text": "text", "depth": "depth", "count": "count"})
    assert [(fault.row, fault.what) for fault in row_errors(found, plan)] == [(1, "'depth' has an infinite value")]
    assert read(found, plan, without=[1]).missing() == {"text": 0, "depth": 1, "count": 1}


def test_text_is_no_number(tmp_path: Path, arrays: dict[str, np.ndarray]):
    np.savez(tmp_path / "a.npz", text=arrays["text"], word=np.array(list("abcdefghi")))
    found = inspect(tmp_path / "a.npz")
    with pytest.raises(EmbeddingSetError, match="'word' holds a single value an item"):
        read(found, replace(found.roles, modalities={"text": "text", "word": "word"}))
