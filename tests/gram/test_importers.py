"""Every format gives back the vectors that were written, with its ids; so does every export and `convert`."""

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, FeatureSet
from gram.importers import export, look, problems, read

from .importer_files import NUMBERED, SIZES, VIEWS, WRITERS, N, make_table, make_vectors


@pytest.fixture(params=WRITERS, ids=lambda writer: writer.__name__)
def written(request, tmp_path):
    path = tmp_path / WRITERS[request.param]
    request.param(path, make_vectors())
    return request.param, path


def test_every_format_gives_what_was_written(written):
    writer, path = written
    found = look(path)
    features = read(found)
    assert found.n == N
    assert problems(found) == []
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
    found = look(tmp_path / f"a{suffix}")
    again = read(found)
    assert again.names == written.names
    assert again.anchor == "video"
    assert again.info == info
    assert problems(found) == []
    pd.testing.assert_frame_equal(again.items, items)
    for name, array in vectors.items():
        assert again.modalities[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(again.modalities[name].numpy(), array)


def test_a_set_of_one_space_goes_through_as_such(tmp_path):
    vectors = {name: np.ones((N, 4), np.float32) for name in SIZES}
    EmbeddingSet(modalities=vectors, items=make_table()).save(tmp_path / "set")
    features = read(look(tmp_path / "set"))
    assert features.aligned
    assert features.embedding_set().d == 4
