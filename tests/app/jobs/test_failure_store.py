"""Parts of a diagnosis: computed in another process as in this one, kept on disk, and passed over if torn."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest

import gram
from app.jobs.failure_store import Part, find_part, keep_part, part_file, part_key, task_key
from app.jobs.failures import FailureJob
from gram.diagnostics import diagnose, find_cases, measure_remedies
from gram.errors import GramError

NAMES = ("text", "image", "speech")
REST = NAMES[1:]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))


def make_set(n=40, d=8, seed=0, noise=1.0, ids=None):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, d))
    rows = {name: shared + noise * rng.normal(size=(n, d)) for name in NAMES}
    unit = {
        name: (each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32) for name, each in rows.items()
    }
    items = pd.DataFrame({"id": ids or [f"i{row}" for row in range(n)], "label": "x", "split": "test"})
    return gram.EmbeddingSet(modalities=unit, items=items, info={"anchor": "text"})


def part(kind="cases", measure="volume"):
    return Part(kind, "here", measure)


def test_a_job_computes_what_this_process_would_and_keeps_it(monkeypatch):
    data = make_set()
    parts = [part(kind) for kind in ("cases", "findings", "remedies")]
    shares = []
    monkeypatch.setattr("app.jobs.eta.EtaEstimator.report", lambda self, share, stage: shares.append(share))
    job = FailureJob({"here": data}, "text", REST, parts, device="cpu")
    done = job.result()
    assert shares == sorted(shares)
    assert len(set(shares)) > 3
    assert list(done) == parts
    assert job.share == 1
    expected = find_cases(data, "text", REST, "volume", device="cpu")
    for cases in (done[parts[0]], find_part(job.keys[parts[0]], "cases")):
        pd.testing.assert_frame_equal(cases.table, expected.table, check_dtype=False)
        assert (cases.query, cases.candidates, cases.measure) == ("text", REST, "volume")
        assert (cases.gallery, cases.left_out) == (len(data), 0)
        assert cases.statistics.top1_counts.tolist() == expected.statistics.top1_counts.tolist()
        assert cases.statistics.hub_threshold == expected.statistics.hub_threshold
    remedies = find_part(job.keys[parts[2]], "remedies")
    assert remedies == measure_remedies(data, "text", REST, "volume", device="cpu")
    found = find_part(job.keys[parts[1]], "findings")
    again = diagnose(data, "text", REST, "volume", device="cpu")
    assert [each.cause for each in found.findings] == [each.cause for each in again.findings]
    assert [each.text for each in found.checked] == [each.text for each in again.checked]
    assert found.sampled == again.sampled


def test_the_key_changes_with_all_that_a_part_depends_on():
    data, other = make_set(), make_set()
    other.modalities["speech"][3, 2] += 1e-3
    tasks = [
        task_key(data, "text", REST),
        task_key(data, "text", NAMES[2:]),
        task_key(data, "image", ("text", "speech")),
        task_key(other, "text", REST),
        task_key(make_set(ids=[f"j{row}" for row in range(40)]), "text", REST),
    ]
    keys = [part_key(task, each) for task in tasks for each in (part(), part("remedies"), part(measure="cosine"))]
    assert len(set(keys)) == 15
    assert part_key(task_key(make_set(), "text", REST), part()) == keys[0]
    assert part_key(tasks[0], Part("cases", "there", "volume")) == keys[0]  # whatever the set is called
    with pytest.raises(ValueError, match="also a candidate"):
        task_key(data, "text", ("text", "image"))


@pytest.mark.parametrize("kind", ["cases", "remedies", "findings"])
def test_a_damaged_file_or_another_keys_is_passed_over(kind):
    data = make_set()
    value = {"cases": find_cases, "remedies": measure_remedies, "findings": diagnose}[kind](
        data, "text", REST, "volume", device="cpu"
    )
    key = "a" * 64
    assert find_part(key, kind) is None
    keep_part(key, value)
    assert find_part(key, kind) is not None
    assert find_part("a" * 40 + "b" * 24, kind) is None  # another key whose file has the same name
    whole = part_file(key).read_bytes()
    for damage in (b"", b"{", b"[]", b"null", json.dumps({"key": key, "value": [{"x": 1}]}).encode(), whole[:-40]):
        part_file(key).write_bytes(damage)
        assert find_part(key, kind) is None


def test_only_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr("app.jobs.failure_store.CACHE.keep", 1)
    value = measure_remedies(make_set(), "text", REST, "volume", device="cpu")
    keep_part("a" * 64, value)
    time.sleep(0.02)
    keep_part("b" * 64, value)
    assert [file.name for file in part_file("a" * 64).parent.iterdir()] == [part_file("b" * 64).name]


def test_a_disk_that_refuses_is_no_error_and_the_job_still_has_the_part(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "file"))
    job = FailureJob({"here": make_set()}, "text", REST, [part()], device="cpu")
    assert len(job.result()[part()].table) == 40
    assert find_part(job.keys[part()], "cases") is None


def test_what_a_stopped_job_has_done_is_kept_and_a_failure_says_why():
    data = make_set(n=400)
    parts = [part(measure=measure) for measure in ("cosine", "volume", "singular", "height")]
    job = FailureJob({"here": data}, "text", REST, parts, device="cpu")
    deadline = time.monotonic() + 120
    while not job.done and time.monotonic() < deadline:
        time.sleep(0.01)
    job.stop()
    assert set(job.result()) <= set(parts)
    assert find_part(job.keys[parts[0]], "cases") is not None
    wrong = FailureJob({"here": data}, "text", REST, [part(measure="no such measure")], device="cpu")
    with pytest.raises(GramError, match=r"the diagnosis failed: .*no such measure"):
        wrong.result()


def test_ten_that_come_one_after_another_wait_for_one_process_whatever_it_has_done_by_then(monkeypatch):
    monkeypatch.setattr("app.jobs.runner.AT_ONCE", 0)  # none begins, so all are here while the first is under way
    data = make_set()
    parts = [part(measure=measure) for measure in ("cosine", "volume", "height")]
    jobs = [FailureJob({"here": data}, "text", REST, parts, device="cpu")]
    keep_part(jobs[0].keys[parts[0]], find_cases(data, "text", REST, "cosine", device="cpu"))
    missing = [each for each in parts if find_part(jobs[0].keys[each], "cases") is None]
    assert missing == parts[1:]
    jobs += [FailureJob({"here": data}, "text", REST, missing, device="cpu") for _ in range(9)]
    folders = {job.folder for job in jobs}
    for job in jobs:
        job.stop()
    assert folders == {jobs[0].folder}


def test_a_part_that_another_job_keeps_meanwhile_is_not_computed_again():
    data, known = make_set(), find_cases(make_set(seed=1), "text", REST, "volume", device="cpu")
    key = part_key(task_key(data, "text", REST), part())
    keep_part(key, known)
    found = FailureJob({"here": data}, "text", REST, [part()], device="cpu").result()
    pd.testing.assert_frame_equal(found[part()].table, known.table, check_dtype=False)


def test_a_job_that_is_stopped_while_it_writes_the_sets_starts_nothing(monkeypatch):
    written, started = threading.Event(), []
    monkeypatch.setattr("app.jobs.failures._save", lambda *args: written.wait(20))
    monkeypatch.setattr("app.jobs.runner.subprocess.Popen", lambda *args, **kwargs: started.append(args))
    job = FailureJob({"here": make_set()}, "text", REST, [part()], device="cpu")
    assert job.running
    threading.Timer(0.2, written.set).start()
    job.stop()
    assert (job.running, job.stopped, job.result(), started) == (False, True, {}, [])


def test_a_set_that_cannot_be_written_says_why(monkeypatch):
    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr("app.jobs.failures._save", full)
    with pytest.raises(GramError, match="the diagnosis failed: no space left"):
        FailureJob({"here": make_set()}, "text", REST, [part()], device="cpu").result()
