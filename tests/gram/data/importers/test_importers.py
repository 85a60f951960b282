"""Every format gives back the vectors that were written, with its ids; so does every export and `convert`."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gram import EmbeddingSet, EmbeddingSetError, FeatureSet
from gram.data.importers import export, inspect, read, row_errors, suffixes
from gram.data.importers.guess import modality_names
from tests.helpers.importer_files import NUMBERED, SIZES, VIEWS, WRITERS, N, make_table, make_vectors


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def written(request, tmp_path):
    path = tmp_path / WRITERS[request.param]
    request.param(path, make_vectors())
    return request.param, path


def test_every_format_gives_what_was_written(written):
    writer, path = written
    found = inspect(path)
    features = read(found)
    assert found.n == N
    assert row_errors(found) == []
    expected = make_vectors()
    if writer in VIEWS:
        expected = {f"X{{{i}}}": array for i, array in enumerate(expected.values(), 1)}
    assert set(features.names) == set(expected)
    for name, array in expected.items():
        tolerance = 0 if "csv" not in writer.__name__ else 1e-6
        np.testing.assert_allclose(features.modalities[name].numpy(), array, rtol=tolerance)
    assert features.anchor == ("X{1}" if writer in VIEWS else "text")
    if writer in NUMBERED:
        assert list(features.items["id"]) == [str(row) for row in range(N)]
        assert any("numbered 0 to 6" in note for note in found.notes)
    else:
        assert list(features.items["id"]) == list(make_table()["id"])
        assert list(features.items["label"]) == list(make_table()["label"])


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".safetensors"])
def test_an_export_gives_the_same_set_again(suffix, tmp_path):
    vectors = make_vectors()
    vectors["video"][3] = np.nan
    vectors["audio"] = vectors["audio"].astype(np.float16)
    items = make_table().assign(
        text=[f"words {i}" for i in range(N)],  # called as a modality is
        split=pd.Categorical(["train", "test"] * 3 + ["test"]),
        snr=[0.5, None, *range(5)],
        seen=[True, False] * 3 + [True],
        when=pd.Timestamp("2026-01-02"),
    )
    info = {"name": "toy", "anchor": "video", "licence": "CC0", "numbers": [1, {"two": None}]}
    written = FeatureSet(modalities=vectors, items=items, info=info)
    export(written, tmp_path / f"a{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]
    if suffix == ".parquet":
        assert pq.read_table(tmp_path / "a.parquet")["video"].null_count == 1
    found = inspect(tmp_path / f"a{suffix}")
    again = read(found)
    assert again.names == written.names
    assert again.anchor == "video"
    assert again.info == info
    assert row_errors(found) == []
    pd.testing.assert_frame_equal(again.items, items)
    for name, array in vectors.items():
        assert again.modalities[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(again.modalities[name].numpy(), array)


def test_a_set_of_one_space_goes_through_as_such(tmp_path):
    vectors = {name: np.ones((N, 4), np.float32) for name in SIZES}
    EmbeddingSet(modalities=vectors, items=make_table()).save(tmp_path / "set")
    features = read(inspect(tmp_path / "set"))
    assert features.aligned
    assert features.embedding_set().d == 4


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=6)


@st.composite
def feature_sets(draw):
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    vectors = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from([np.float16, np.float32]))
        vectors[name] = rng.normal(size=(n, draw(st.integers(2, 9)))).astype(kind)
        vectors[name][np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))] = np.nan
    ids = draw(st.lists(st.text(st.characters(codec="utf-8")), min_size=n, max_size=n, unique=True))
    columns = {"id": ids}
    for name in draw(st.lists(NAMES.filter(lambda name: name != "id"), max_size=2, unique=True)):
        columns[name] = draw(st.lists(st.integers(-(2**40), 2**40), min_size=n, max_size=n))
    anchor = draw(st.sampled_from(sorted(vectors)))
    return FeatureSet(modalities=vectors, items=pd.DataFrame(columns), info={"anchor": anchor})


@given(feature_sets(), st.sampled_from([".parquet", ".npz", ".safetensors", ""]))
def test_any_set_comes_back(features, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"set{suffix}"
        features.save(path) if not suffix else export(features, path)
        again = read(inspect(path))
        assert again.names == features.names
        assert again.anchor == features.anchor
        pd.testing.assert_frame_equal(again.items, features.items)
        for name, tensor in features.modalities.items():
            np.testing.assert_array_equal(again.modalities[name].numpy(), tensor.numpy())


@given(st.lists(st.text(max_size=12), max_size=6, unique=True))
def test_names_of_modalities_stay_apart(columns):
    names = modality_names(columns)
    assert len(names) == len(set(names)) == len(columns)


@given(st.binary(max_size=300), st.sampled_from(suffixes()))
def test_any_bytes_open_or_are_refused(data, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(data)
        try:
            read(inspect(path))
        except EmbeddingSetError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 most bytes are refused, but a few lines are CSV
