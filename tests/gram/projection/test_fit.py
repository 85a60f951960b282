"""Layouts: what they say of themselves, that they are right, kept, found again, watched and stopped."""

import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

import gram
from app.jobs.projection import ProjectionJob
from gram.projection import PROGRESS_STAGES, Layout, Settings, find_layout, project, write_layouts
from gram.projection import __main__ as command
from gram.projection.store import CACHE, store_layout
from tests.helpers.projection_sets import make_set


def unit(values):
    values = np.asarray(values, dtype=np.float64)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_pca_is_scikit_learns_up_to_the_sign_of_each_axis():
    data = make_set()
    layout = project(data, "pca", dims=3)
    rows = np.concatenate([unit(vectors) for vectors in data.modalities.values()])
    expected = PCA(3, svd_solver="full").fit(rows)
    places = expected.transform(rows)
    got = np.concatenate(list(layout.points.values()))
    signs = np.sign((got * places).sum(axis=0))
    np.testing.assert_allclose(got * signs, places, atol=1e-5)
    np.testing.assert_allclose(layout.explained, expected.explained_variance_ratio_, atol=1e-6)


def test_points_keep_the_order_of_items_and_leave_out_what_is_missing():
    whole = make_set()
    holed = make_set(missing=[("image", 7), ("speech", 0)])
    layout = project(holed, "pca")
    assert list(layout.points) == ["text", "image", "speech"]
    assert layout.points["image"].shape == (60, 2)
    assert layout.points["image"].dtype == np.float32
    assert np.isnan(layout.points["image"][7]).all()
    assert np.isnan(layout.points["speech"][0]).all()
    assert sum(np.isnan(points).any(axis=1).sum() for points in layout.points.values()) == 2
    reference = project(whole, "pca").points["text"]
    rows = slice(0, 60)
    correlation = np.corrcoef(layout.points["text"][rows, 0], reference[rows, 0])[0, 1]
    assert abs(correlation) > 0.99


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", ["pca", "umap"])
def test_what_is_missing_leaves_no_trace_in_the_picture(method, dims):
    rng = np.random.default_rng(5)
    gone = {name: np.flatnonzero(rng.random(40) < 0.3) for name in ("text", "image", "speech")}
    holed = make_set(n=40, missing=[(name, row) for name, rows in gone.items() for row in rows])
    there = {name: np.setdiff1d(np.arange(40), rows) for name, rows in gone.items()}
    stacked = np.concatenate([holed.modalities[name].numpy()[rows] for name, rows in there.items()])
    alone = gram.EmbeddingSet({"all": stacked}, pd.DataFrame({"id": np.arange(len(stacked))}))
    layout, expected = (project(each, method, dims=dims) for each in (holed, alone))
    for name, rows in gone.items():
        assert np.isnan(layout.points[name][rows]).all()
    found = np.concatenate([layout.points[name][rows] for name, rows in there.items()])
    np.testing.assert_array_equal(found, expected.points["all"])
    assert layout.trustworthiness == expected.trustworthiness
    assert layout.trust_checked == len(stacked) < 120
    if method == "pca":
        places = PCA(dims, svd_solver="full").fit_transform(unit(stacked))
        np.testing.assert_allclose(found * np.sign((found * places).sum(axis=0)), places, atol=1e-5)


def test_only_the_chosen_modalities_are_placed():
    assert list(project(make_set(), "pca", modalities=["speech", "text"]).points) == ["speech", "text"]


@pytest.mark.parametrize("dims", [2, 3])
def test_the_trustworthiness_of_pca_is_scikit_learns(dims):
    data = make_set(n=80)
    layout = project(data, "pca", dims=dims)
    rows = np.concatenate([unit(vectors) for vectors in data.modalities.values()])
    drawn = np.concatenate(list(layout.points.values()))
    expected = sklearn_trustworthiness(rows, drawn, n_neighbors=15, metric="cosine")
    assert layout.trustworthiness == pytest.approx(expected, abs=1e-4)
    assert (layout.trust_neighbors, layout.trust_checked) == (15, 240)


def test_equal_rows_give_finite_points_and_no_division_by_zero():
    vectors = np.ones((10, 4), dtype=np.float32)
    data = gram.EmbeddingSet({"text": vectors, "image": vectors}, pd.DataFrame({"id": range(10)}))
    layout = project(data, "pca", dims=3)
    assert np.abs(layout.points["text"]).max() < 1e-6
    assert layout.explained == (0.0, 0.0, 0.0)
    assert layout.trustworthiness == 1.0


def test_a_space_of_fewer_dimensions_than_the_picture_is_padded_with_zeros():
    layout = project(make_set(d=2), "pca", dims=3)
    assert np.all(layout.points["text"][:, 2] == 0)


def test_umap_groups_what_belongs_together_tells_its_progress_and_repeats_by_seed():
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 10) * 5, 40, axis=0)
    vectors = {name: (centres + 0.3 * rng.normal(size=centres.shape)).astype("f") for name in ("text", "image")}
    data = gram.EmbeddingSet(vectors, pd.DataFrame({"id": range(120)}))
    seen = []
    layout = project(data, "umap", neighbors=8, progress=lambda share, stage: seen.append((share, stage)))
    drawn = np.stack([layout.points[name] for name in vectors])
    middles = drawn.reshape(2, 3, 40, 2).mean(axis=(0, 2))
    spread = drawn.reshape(2, 3, 40, 2).std(axis=2).max()
    gaps = np.linalg.norm(middles[:, None] - middles[None], axis=2)[np.triu_indices(3, 1)]
    assert gaps.min() > 2 * spread
    assert layout.trustworthiness > 0.8
    assert tuple(dict.fromkeys(stage for _, stage in seen)) == tuple(
        stage for stage in PROGRESS_STAGES if stage != "placing the others"
    )
    assert (layout.fitted, layout.placed, layout.trust_placed) == (240, 0, None)
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len([1 for _, stage in seen if stage == "arranging points"]) > 2

    find_layout(data, layout.settings)
    for kept in CACHE.folder.glob("*"):
        kept.unlink()
    again = project(data, "umap", neighbors=8)
    np.testing.assert_array_equal(again.points["image"], layout.points["image"])


def test_progress_that_raises_stops_the_work_and_keeps_nothing():
    def refuse(share, stage):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project(make_set(), "pca", progress=refuse)
    assert not list(CACHE.folder.glob("*"))


def test_a_second_request_reads_what_the_first_one_kept(monkeypatch):
    data = make_set()
    first = project(data, "pca")
    monkeypatch.setattr("gram.projection.fit.compute_layout", None)
    second = project(data, "pca")
    assert second.settings == first.settings
    assert second.trustworthiness == first.trustworthiness
    assert second.explained == first.explained
    np.testing.assert_array_equal(second.points["text"], first.points["text"])


def test_settings_that_a_method_ignores_do_not_make_another_layout():
    data = make_set()
    project(data, "pca", seed=1, neighbors=30)
    assert find_layout(data, Settings(method="pca", seed=2)) is not None
    keys = {Settings(method="umap", seed=seed).key(data) for seed in (0, 0, 1)}
    assert len(keys) == 2


@pytest.mark.parametrize("damage", [b"", b"not a layout", None])
def test_a_damaged_file_is_named_by_load_and_passed_over_by_find(damage, tmp_path):
    data = make_set()
    path = store_layout(project(data, "pca"))
    path.write_bytes(path.read_bytes()[:-50] if damage is None else damage)
    with pytest.raises(gram.errors.GramError, match=r"is no readable layout; delete it"):
        Layout.load(path)
    assert find_layout(data, Settings(method="pca")) is None
    assert project(data, "pca").points["text"].shape == (60, 2)
    assert find_layout(data, Settings(method="pca")) is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tsne"}, r"method: expected one of umap, pca, got 'tsne'"),
        ({"dims": 4}, r"dims: expected 2 or 3, got 4"),
        ({"neighbors": 1}, r"neighbors: expected at least 2, got 1"),
        ({"min_distance": 1.5}, r"min_distance: expected a number from 0 to 1, got 1\.5"),
        ({"fitted": 20}, r"fitted: expected at least 50 points, got 20"),
        ({"modalities": ("smell",)}, r"modality 'smell' is not in this set"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        project(make_set(n=12), **options)


def test_too_few_embeddings_are_refused():
    with pytest.raises(ValueError, match=r"expected at least 4 embeddings to project, got 3"):
        project(make_set(n=1), "pca")


def test_a_job_ends_with_the_same_layout_in_hand_and_in_the_cache():
    data = make_set()
    settings = Settings(method="pca")
    job = ProjectionJob(data, settings)
    layout = job.result()
    assert not job.running
    assert (job.share, job.stage) == (1.0, "checking neighbourhoods")
    kept = find_layout(data, settings)
    assert kept is not None
    np.testing.assert_array_equal(layout.points["text"], kept.points["text"])
    np.testing.assert_array_equal(layout.points["text"], project(data, "pca").points["text"])


def test_a_job_that_is_stopped_ends_at_once_and_keeps_nothing():
    job = ProjectionJob(make_set(), Settings(method="umap"))
    assert job.running
    assert job.seconds_left is None
    begun = time.monotonic()
    job.stop()
    assert time.monotonic() - begun < 5
    assert not job.running
    assert job.result() is None
    assert not list(CACHE.folder.glob("*"))


def test_a_job_that_fails_says_why():
    job = ProjectionJob(make_set(n=1), Settings(method="pca"))
    with pytest.raises(gram.errors.GramError, match=r"projection failed: .*expected at least 4 embeddings"):
        job.result()


def test_the_command_writes_every_layout_that_ships(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("gram.projection.fit.METHODS", ("pca",))
    data = make_set(n=20)
    data.save(tmp_path / "twin" / "test")
    assert command.main([str(tmp_path / "twin" / "test"), str(tmp_path / "twin" / "layouts")]) == 0
    names = sorted(path.name for path in (tmp_path / "twin" / "layouts").iterdir())
    assert names == ["pca-2d.safetensors", "pca-3d.safetensors"]
    loaded = gram.EmbeddingSet.load(tmp_path / "twin" / "test")
    assert find_layout(loaded, Settings(method="pca", dims=3)).points["image"].shape == (20, 3)
    assert "pca-3d.safetensors" in capsys.readouterr().out


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, capsys):
    assert command.main([str(tmp_path / "nowhere"), str(tmp_path)]) == 1
    assert "error: " in capsys.readouterr().err


def test_write_layouts_reports_each_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("gram.projection.fit.METHODS", ("pca",))
    make_set(n=20).save(tmp_path / "set")
    seen = []
    write_layouts(tmp_path / "set", tmp_path / "out", progress=lambda *said: seen.append(said))
    assert {name for name, _, _ in seen} == {"pca-2d.safetensors", "pca-3d.safetensors"}
    assert seen[-1][1:] == (1.0, "checking neighbourhoods")


def test_importing_the_module_or_finding_a_layout_does_not_import_umap():
    code = (
        "import sys, json, gram.projection; "
        "print(json.dumps([name in sys.modules for name in ('umap', 'numba', 'sklearn')]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [False, False, False]
