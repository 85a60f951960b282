"""Stored layouts: which is found for what, where they ship, and what the cache keeps."""

import time

import numpy as np
import pytest

import gram
from gram.projection import Settings, find_layout, layout_file, project
from gram.projection.store import CACHE, shipped_name, store_layout
from tests.helpers.projection_sets import make_set


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "other",
    [
        lambda data: (make_set(seed=1), Settings(method="pca")),
        lambda data: (data, Settings(method="pca", dims=3)),
        lambda data: (data, Settings(method="umap")),
        lambda data: (data, Settings(method="pca", modalities=("text", "image"))),
        lambda data: (data, Settings(method="pca", modalities=("image", "text", "speech"))),
    ],
)
def test_other_embeddings_or_settings_are_another_layout(other):
    data = make_set()
    project(data, "pca")
    assert find_layout(data, Settings(method="pca")) is not None
    assert find_layout(*other(data)) is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_set_and_its_normalised_copy_have_the_same_layouts(dtype):
    data = make_set()
    stored = gram.EmbeddingSet(
        {name: vectors.numpy().astype(dtype) for name, vectors in data.modalities.items()}, data.items
    )
    project(stored, "pca")
    once = stored.normalized()
    assert find_layout(once, Settings(method="pca")) is not None
    halves = gram.EmbeddingSet({name: vectors.half() for name, vectors in once.modalities.items()}, data.items)
    assert find_layout(halves, Settings(method="pca")) is None


def test_unit_rows_keep_their_layouts_when_they_are_normalised_again():
    data = make_set(n=300, d=48)
    rows = {
        name: vectors.numpy() / np.linalg.norm(vectors, axis=1, keepdims=True)
        for name, vectors in data.modalities.items()
    }
    units = gram.EmbeddingSet(rows, data.items)
    project(units, "pca")
    again = units.normalized()
    assert find_layout(again, Settings(method="pca")) is not None
    mixed = {name: np.where(np.arange(300)[:, None] < 150, vectors, 3 * vectors) for name, vectors in rows.items()}
    mixed = gram.EmbeddingSet(mixed, data.items)
    keys = {Settings(method="pca").key(each) for each in (mixed, mixed.normalized(), mixed.normalized().normalized())}
    assert len(keys) == 1


def test_shipped_layouts_are_found_first_and_only_for_their_own_embeddings(tmp_path):
    data = make_set()
    data.save(tmp_path / "twin" / "test")
    shipped = project(data, "pca")
    shipped.save(tmp_path / "twin" / "layouts" / "pca-2d.safetensors")
    for kept in CACHE.folder.glob("*"):
        kept.unlink()
    loaded = gram.EmbeddingSet.load(tmp_path / "twin" / "test")
    found = find_layout(loaded, Settings(method="pca"))
    assert found is not None
    np.testing.assert_array_equal(found.points["text"], shipped.points["text"])
    make_set(seed=5).save(tmp_path / "twin" / "test")
    assert find_layout(gram.EmbeddingSet.load(tmp_path / "twin" / "test"), Settings(method="pca")) is None


def test_the_cache_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr("gram.projection.store.CACHE.keep", 2)
    kept = []
    for seed in range(3):
        kept.append(store_layout(project(make_set(seed=seed, n=12), "pca")))
        time.sleep(0.02)
    assert [path.exists() for path in kept] == [False, True, True]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "file"))
    layout = project(make_set(n=12), "pca")
    assert store_layout(layout) is None


def test_where_layouts_are(own_cache):
    assert layout_file("ab" * 32) == own_cache / "layouts" / f"{'ab' * 20}.safetensors"
    assert shipped_name(Settings(method="pca", dims=3)) == "pca-3d.safetensors"
