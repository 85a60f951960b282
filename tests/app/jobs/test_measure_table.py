"""The table of all measures: its rows against plain rankings in numpy; what is kept, stopped and begun again."""

import json
import time

import numpy as np
import pandas as pd
import pytest

import gram
from app.jobs.measure_store import find_rows, keep_row, rows_file, rows_key
from app.jobs.measures import MeasureJob
from gram.errors import GramError
from gram.retrieval.evaluate import DIRECTIONS
from gram.retrieval.measure_table import Row, against, leading, measure_row, table, tasks

NAMES = ("text", "image", "speech")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))


def make_set(n=40, d=8, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, d))
    rows = {name: shared + noise * rng.normal(size=(n, d)) for name in NAMES}
    unit = {
        name: (each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32) for name, each in rows.items()
    }
    return gram.EmbeddingSet(modalities=unit, items=pd.DataFrame({"id": range(n)}), info={"anchor": "text"})


def plain_ranks(data, measure, direction):
    """Ranks by a determinant or a mean cosine, one pair after another, in float64."""
    text, *others = (data.modalities[name].double().numpy() for name in NAMES)
    n = len(text)
    scores = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            rows = np.stack([text[i], *(other[j] for other in others)])
            products = rows @ rows.T
            scores[i, j] = -np.sqrt(np.linalg.det(products)) if measure == "volume" else products[0, 1:].mean()
    if direction == "candidates-to-query":
        scores = scores.T
    return 1 + (scores > scores.diagonal()[:, None]).sum(axis=1)


def row(value, low, high, metric="R@1"):
    return Row(
        measure="volume", direction=DIRECTIONS[0], items=9, values={metric: value}, intervals={metric: (low, high)}
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("measure", ["volume", "cosine"])
def test_a_row_holds_what_a_plain_ranking_gives(measure, direction):
    data = make_set()
    found = measure_row(data, "text", NAMES[1:], measure, direction, "cpu")
    ranks = plain_ranks(data, measure, direction)
    for k in (1, 5, 10):
        assert found.values[f"R@{k}"] == pytest.approx(np.mean(ranks <= k))
    assert found.values["median_rank"] == np.median(ranks)
    share = found.values["R@1"]
    spread = 1.96 * np.sqrt(share * (1 - share) / len(ranks))  # the normal approximation of the interval
    low, high = found.intervals["R@1"]
    assert (low, high) == pytest.approx((share - spread, share + spread), abs=0.05)
    assert (found.items, found.left_out) == (len(data), 0)


def test_every_measure_that_fits_is_a_task_in_both_directions_and_the_slowest_comes_last():
    listed = tasks(4)
    assert sorted(listed) == sorted((name, way) for name in gram.measures.names(4) for way in DIRECTIONS)
    assert [name for name, _ in listed][-2:] == ["singular", "singular"]
    assert ("triangle", DIRECTIONS[0]) in tasks(3)


def test_items_that_cannot_be_ranked_leave_a_row_with_the_reason():
    whole = make_set()
    lacking = {name: rows.clone() for name, rows in whole.modalities.items()}
    lacking["image"][:20] = np.nan
    lacking["speech"][20:] = np.nan
    data = gram.EmbeddingSet(modalities=lacking, items=whole.items, info=whole.info)
    found = measure_row(data, "text", NAMES[1:], "triangle", DIRECTIONS[0], "cpu")
    assert found.reason == "no item has image and speech; choose other candidates"
    assert not found.values
    keep_row("k" * 64, found)
    assert find_rows("k" * 64) == (found,)


def test_who_leads_is_the_best_and_all_whose_interval_meets_its_own():
    rows = [row(0.8, 0.75, 0.85), row(0.9, 0.86, 0.94), row(0.87, 0.82, 0.9), Row(measure="x", direction="y")]
    assert leading(rows, "R@1") == [False, True, True, False]
    ranks = [row(2.0, 1.5, 2.5, "median_rank"), row(1.0, 1.0, 1.0, "median_rank")]
    assert leading(ranks, "median_rank") == [False, True]
    assert leading(rows[3:], "R@1") == [False]
    assert (against(rows[0], rows[1], "R@1"), against(rows[1], rows[0], "R@1")) == (-1, 1)
    assert (against(rows[1], rows[2], "R@1"), against(rows[0], rows[3], "R@1")) == (0, 0)
    assert against(*ranks, "median_rank") == -1


def test_the_key_changes_with_the_vectors_the_candidates_and_the_query():
    data = make_set()
    other = make_set()
    other.modalities["speech"][3, 2] += 1e-3  # the digest is of the vectors, whatever else a set remembers
    keys = [
        rows_key(data, "text", NAMES[1:]),
        rows_key(data, "text", NAMES[2:]),
        rows_key(data, "image", ("text", "speech")),
        rows_key(other, "text", NAMES[1:]),
    ]
    assert len(set(keys)) == len(keys)
    assert rows_key(make_set(), "text", NAMES[1:]) == keys[0]
    assert rows_key(other, "text", ("image",)) == rows_key(data, "text", ("image",))  # speech is in neither
    with pytest.raises(ValueError, match="also a candidate"):
        rows_key(data, "text", ("text", "image"))


def test_a_kept_row_is_found_and_replaced_and_a_damaged_file_passed_over(monkeypatch):
    key = "a" * 64
    assert find_rows(key) == ()
    keep_row(key, row(0.5, 0.4, 0.6))
    keep_row(key, row(0.7, 0.6, 0.8))
    assert find_rows(key) == (row(0.7, 0.6, 0.8),)
    assert find_rows("a" * 40 + "b" * 24) == ()  # another key whose file has the same name
    for damage in ("{", "[]", json.dumps({"key": key, "rows": [{"measure": 1}]}), json.dumps({"key": key, "rows": 3})):
        rows_file(key).write_text(damage)
        assert find_rows(key) == ()
    monkeypatch.setattr("app.jobs.measure_store.CACHE.keep", 1)
    keep_row("b" * 64, row(0.5, 0.4, 0.6))
    assert [file.name for file in rows_file(key).parent.iterdir()] == [rows_file("b" * 64).name]


def test_a_disk_that_refuses_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "file"))
    assert keep_row("a" * 64, row(0.5, 0.4, 0.6)) is None


def test_a_job_measures_what_is_missing_and_keeps_it():
    data = make_set()
    key = rows_key(data, "text", NAMES[1:])
    known = row(0.123, 0.1, 0.2)  # of volume, text first: found on disk, and left alone
    keep_row(key, known)
    job = MeasureJob({"here": data}, "text", NAMES[1:], device="cpu")
    rows = {each.task: each for each in job.result()["here"]}
    assert not job.running
    assert job.share == 1
    assert set(rows) == set(tasks(3))
    assert rows["volume", DIRECTIONS[0]] == known
    assert {each.task: each for each in find_rows(key)} == rows
    ranks = plain_ranks(data, "cosine", DIRECTIONS[1])
    assert rows["cosine", DIRECTIONS[1]].values["R@1"] == pytest.approx(np.mean(ranks == 1))


def test_a_job_that_is_stopped_keeps_what_is_done_and_the_next_goes_on():
    data = make_set(n=1500, d=64, noise=3)
    job = MeasureJob({"here": data}, "text", NAMES[1:], device="cpu")
    deadline = time.monotonic() + 120
    while len(job.rows["here"]) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    job.stop()
    assert not job.running
    kept = find_rows(job.keys["here"])
    assert 2 <= len(kept) < len(tasks(3))
    assert list(kept) == job.result()["here"]
    again = MeasureJob({"here": data}, "text", NAMES[1:], device="cpu")
    try:
        assert again.rows["here"] == list(kept)
    finally:
        again.stop()


def test_a_job_that_fails_says_why():
    job = MeasureJob({"here": make_set()}, "text", NAMES[1:], device="none")
    with pytest.raises(GramError, match=r"measuring failed: .*device"):
        job.result()


def test_the_data_frame_has_a_line_for_each_model_and_row():
    frame = table({"gram": [row(0.5, 0.4, 0.6)], "cosine": [Row(measure="x", direction="y", reason="no")]})
    assert list(frame["model"]) == ["gram", "cosine"]
    assert list(frame.loc[0, ["R@1", "R@1_low", "R@1_high"]]) == [0.5, 0.4, 0.6]
    assert frame["R@1"].isna().tolist() == [False, True]
    assert json.loads(frame.to_json(orient="records"))[1]["reason"] == "no"
