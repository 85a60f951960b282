"""Layouts of sets too large to fit UMAP on: a sample is fitted, the others are placed, and both are told."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import KNeighborsClassifier

import gram
from app.jobs.job import save_vectors
from app.jobs.projection import compute
from app.jobs.worker import Worker
from gram.data.embedding_set import unit_rows
from gram.projection import PROGRESS_STAGES, Layout, Settings, find_layout, project
from gram.projection.fit import compute_layout
from gram.projection.trust import trustworthiness
from gram.projection.umap import _ExactSearch, nearest_by_cosine, points_to_fit

NAMES = ("text", "image")
CLUSTERS, N, FITTED = 4, 200, 100
COPIES = 20
OPTIONS = {"neighbors": 8, "fitted": FITTED, "seed": 3}
PLACING = "placing the others"


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def clusters_of(rows):
    return np.asarray(rows) % CLUSTERS


@pytest.fixture(scope="module")
def planted():
    """Four clusters; item 9 lacks its image; items that are not fitted, `copies`, equal fitted ones, `originals`."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, 16)) * 3
    vectors = {name: (centres[clusters_of(range(N))] + rng.normal(size=(N, 16))).astype("f") for name in NAMES}
    vectors["image"][9] = np.nan
    mask = fitted_items(vectors)
    whole = ~np.isnan(vectors["image"]).any(axis=1)
    originals, copies = np.flatnonzero(mask & whole)[:COPIES], np.flatnonzero(~mask & whole)[-COPIES:]
    for rows in vectors.values():
        rows[copies] = rows[originals]
    labels = clusters_of(range(N))
    labels[copies] = labels[originals]
    data = gram.EmbeddingSet(vectors, pd.DataFrame({"id": range(N)}))
    return data, mask, labels, originals, copies


def fitted_items(vectors):
    present = {name: ~np.isnan(rows).any(axis=1) for name, rows in vectors.items()}
    fitted = points_to_fit(present, Settings(**OPTIONS)).numpy()
    mask = np.zeros(N, dtype=bool)
    mask[np.flatnonzero(present["text"])[fitted[: present["text"].sum()]]] = True
    return mask


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def layout(planted, told):
    return project(planted[0], "umap", **OPTIONS, progress=lambda share, stage: told.append((share, stage)))


def test_a_sample_of_items_is_fitted_with_all_that_they_have(planted):
    present = {"text": np.ones(N, dtype=bool), "image": np.ones(N, dtype=bool)}
    present["image"][::3] = False
    count = sum(int(mask.sum()) for mask in present.values())
    fitted = points_to_fit(present, Settings(**OPTIONS)).numpy()
    text, image = np.split(fitted, [N])
    np.testing.assert_array_equal(text[present["image"]], image)
    assert len(fitted) == count
    assert FITTED - 1 <= fitted.sum() <= FITTED
    again, other = (points_to_fit(present, Settings(**{**OPTIONS, "seed": seed})).numpy() for seed in (3, 4))
    np.testing.assert_array_equal(fitted, again)
    assert (fitted != other).any()
    assert points_to_fit(present, Settings(fitted=count)).all()


def test_the_layout_says_what_was_fitted_and_what_was_placed(planted, layout):
    _, mask, *_ = planted
    fitted = 2 * mask.sum() - mask[9]
    assert (layout.fitted, layout.placed) == (fitted, 2 * N - 1 - fitted)
    assert np.isnan(layout.points["image"][9]).all()
    assert sum(np.isnan(points).sum() for points in layout.points.values()) == 2


def test_placed_points_lie_in_their_cluster(planted, layout):
    _, mask, labels, *_ = planted
    judge = KNeighborsClassifier(5).fit(layout.points["text"][mask], labels[mask])
    for name in NAMES:
        there = ~mask & ~np.isnan(layout.points[name][:, 0])
        assert judge.score(layout.points[name][there], labels[there]) > 0.97


def test_copies_of_fitted_rows_lie_beside_them(planted, layout):
    _, _, _, originals, copies = planted
    width = np.ptp(layout.points["text"], axis=0).max()
    for name in NAMES:
        apart = np.linalg.norm(layout.points[name][copies] - layout.points[name][originals], axis=1)
        assert apart.max() < 0.05 * width


def test_what_is_placed_moves_nothing_that_was_fitted(planted, layout):
    data, mask, *_ = planted
    alone = project(data.subset(np.flatnonzero(mask)), "umap", **OPTIONS)
    assert alone.placed == 0
    drawn = np.concatenate([layout.points[name][mask] for name in NAMES])
    # Axes of other points are another first guess, so only the neighbourhoods are the same.
    own = np.concatenate(list(alone.points.values()))
    there = ~np.isnan(own[:, 0])
    assert sklearn_trustworthiness(drawn[there], own[there], n_neighbors=15) > 0.8


def test_trustworthiness_is_told_of_the_fitted_and_of_the_placed(planted, layout):
    data, *_ = planted
    rows = np.concatenate([values[~values.isnan().any(dim=1)].numpy() for values in data.modalities.values()])
    drawn = np.concatenate([points[~np.isnan(points[:, 0])] for points in layout.points.values()])
    expected = sklearn_trustworthiness(rows, drawn, n_neighbors=15, metric="cosine")
    assert layout.trustworthiness == pytest.approx(expected, abs=1e-3)  # the ranks of copies tie
    share = layout.fitted / (layout.fitted + layout.placed)
    mixed = share * layout.trust_fitted + (1 - share) * layout.trust_placed
    assert mixed == pytest.approx(layout.trustworthiness, abs=1e-9)
    assert layout.trust_fitted != layout.trust_placed
    assert min(layout.trust_fitted, layout.trust_placed) > 0.8


def test_only_the_points_asked_for_count(planted):
    angles = (torch.rand(200, generator=torch.Generator().manual_seed(1)) * 3).sort().values
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    spoilt = circle.clone()
    spoilt[100:] = circle[100:][torch.randperm(100, generator=torch.Generator().manual_seed(0))]
    first = torch.arange(200) < 80  # far from what was shuffled
    trust = trustworthiness(circle, spoilt)
    assert trust.mean(first) == 1.0
    assert trust.mean(~first) < 0.8
    assert trust.mean(torch.zeros(200, dtype=torch.bool)) is None


def test_progress_goes_through_every_stage(layout, told):
    assert tuple(dict.fromkeys(stage for _, stage in told)) == PROGRESS_STAGES
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_seed_fixes_the_picture_and_the_blocks_tell_of_each(planted, layout, monkeypatch):
    again = compute_layout(planted[0], layout.settings)
    for name in NAMES:
        np.testing.assert_array_equal(again.points[name], layout.points[name])
    monkeypatch.setattr("gram.projection.umap._PLACED_AT_ONCE", 100)
    told = []
    blocks = compute_layout(planted[0], layout.settings, progress=lambda share, stage: told.append((share, stage)))
    assert len({share for share, stage in told if stage == PLACING}) >= 3
    assert np.nanmax(np.abs(blocks.points["text"] - layout.points["text"])[planted[1]]) == 0


def test_stopping_while_the_others_are_placed_keeps_nothing(planted):
    def refuse(share, stage):
        if stage == PLACING:
            raise KeyboardInterrupt

    settings = Settings(**{**OPTIONS, "min_distance": 0.3})
    with pytest.raises(KeyboardInterrupt):
        project(planted[0], "umap", **{**OPTIONS, "min_distance": 0.3}, progress=refuse)
    assert find_layout(planted[0], settings) is None


def test_a_small_set_keeps_its_keys_and_a_large_one_depends_on_what_is_fitted(planted):
    data = planted[0]
    points = 2 * N - 1
    keys = [Settings(fitted=fitted).key(data) for fitted in (20_000, points, points - 1, 100)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert Settings(method="pca", fitted=100).key(data) == Settings(method="pca").key(data)


def test_the_key_of_a_small_set_is_what_it_always_was():
    vectors = {name: np.eye(4, 6, k, dtype="f") for k, name in enumerate(NAMES)}
    data = gram.EmbeddingSet(vectors, pd.DataFrame({"id": range(4)}))
    assert Settings().key(data) == "31c47ec9b6af6565cf5b1f046480d9a8d4041a92d6e450cd9ca49ad7fd1e8f88"


def test_a_layout_written_before_there_was_placing_is_read(planted, tmp_path):
    project(planted[0], "pca").save(tmp_path / "new")
    with safe_open(tmp_path / "new", framework="numpy") as file:
        facts = json.loads(file.metadata()["layout"])
        tensors = {name: file.get_tensor(name) for name in facts["order"]}
    for later in ("placed", "trust_fitted", "trust_placed"):
        del facts[later]
    del facts["settings"]["fitted"]
    save_file(tensors, tmp_path / "old", metadata={"layout": json.dumps(facts)})
    old = Layout.load(tmp_path / "old")
    assert (old.fitted, old.placed, old.trust_placed) == (2 * N - 1, 0, None)


def test_the_process_of_a_job_places_too_and_says_how_far_it_is(planted, layout, tmp_path):
    save_vectors(planted[0], NAMES, tmp_path / "set")
    with (tmp_path / "answers").open("w") as file:
        compute(Worker(str(tmp_path), file), asdict(layout.settings))
    said = [json.loads(line) for line in (tmp_path / "answers").read_text().splitlines()]
    done = Layout.load(tmp_path / said[-1]["part"]["file"])
    np.testing.assert_array_equal(done.points["image"], layout.points["image"])
    assert (done.settings, done.placed, done.trust_placed) == (layout.settings, layout.placed, layout.trust_placed)
    stages = [answer["stage"] for answer in said[:-1]]
    assert tuple(dict.fromkeys(stages)) == PROGRESS_STAGES


def test_neighbours_among_other_rows_are_exact():
    rows, gallery = (
        torch.nn.functional.normalize(torch.randn(n, 8, generator=torch.Generator().manual_seed(n)), dim=1)
        for n in (600, 50)
    )
    indices, distances = nearest_by_cosine(rows, 5, among=gallery)
    truth = 1 - rows.double().numpy() @ gallery.double().numpy().T
    np.testing.assert_array_equal(indices, np.argsort(truth, axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(truth, axis=1)[:, :5], atol=1e-6)


def test_axes_of_many_blocks_are_those_of_one(planted, monkeypatch):
    whole = compute_layout(planted[0], Settings(method="pca"))
    monkeypatch.setattr("gram.projection.fit._BLOCK", 64)
    told = []
    blocks = compute_layout(planted[0], Settings(method="pca"), progress=lambda *said: told.append(said))
    axes = [share for share, stage in told if stage == "finding axes"]
    assert len(axes) == 3 * 7  # each of three passes tells of each of seven blocks
    assert axes == sorted(axes)
    np.testing.assert_allclose(blocks.points["text"], whole.points["text"], atol=1e-6)
    np.testing.assert_allclose(blocks.explained, whole.explained, atol=1e-9)


def test_a_copy_of_a_fitted_row_is_at_no_distance_from_it_whatever_its_cosine_rounds_to():
    rows = torch.nn.functional.normalize(torch.randn(60, 300, generator=torch.Generator().manual_seed(0)), dim=1)
    assert ((rows @ rows.T).diagonal() != 1).any()
    indices, distances = _ExactSearch(rows).query(rows.numpy(), 3, 0.1)
    np.testing.assert_array_equal(indices[:, 0], range(60))
    assert (distances[:, 0] == 0).all()
    assert (distances[:, 1] > 0.1).all()


def test_blocks_of_any_size_give_the_same_trust(monkeypatch):
    rows = torch.nn.functional.normalize(torch.randn(300, 12, generator=torch.Generator().manual_seed(5)), dim=1)
    expected = sklearn_trustworthiness(rows.numpy(), rows[:, :2].numpy(), n_neighbors=15, metric="cosine")
    told = []
    for name, size in (("_ROWS_AT_ONCE", 7), ("_QUERIES_AT_ONCE", 11)):
        monkeypatch.setattr(f"gram.projection.trust.{name}", size)
    assert trustworthiness(rows, rows[:, :2], progress=told.append).mean() == pytest.approx(expected, abs=1e-4)
    assert told == sorted(told)
    assert told[-1] == 1


def test_no_more_rows_than_a_block_are_in_memory_at_once(planted, tmp_path, monkeypatch):
    """Of a set on disk: what is computed is what it was, and never are all of its rows made."""
    data = planted[0]
    whole = compute_layout(data, Settings(**OPTIONS))
    data.save(tmp_path / "set")
    made = []

    def watched(rows):
        made.append(len(rows))
        return unit_rows(rows)

    monkeypatch.setattr("gram.projection.rows.unit_rows", watched)
    monkeypatch.setattr("gram.projection.fit._BLOCK", 50)
    monkeypatch.setattr("gram.projection.umap._PLACED_AT_ONCE", 50)
    monkeypatch.setattr("gram.projection.trust._ROWS_AT_ONCE", 50)
    monkeypatch.setattr("gram.projection.trust._QUERIES_AT_ONCE", 3)
    monkeypatch.setattr("gram.projection.trust._MAX_POINTS", 60)
    layout = compute_layout(gram.EmbeddingSet.load(tmp_path / "set", lazily=True), Settings(**OPTIONS))
    assert max(made) <= FITTED
    assert layout.fitted == whole.fitted
    np.testing.assert_allclose(layout.points["text"][planted[1]], whole.points["text"][planted[1]], atol=1)
