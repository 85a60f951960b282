"""What a crash amid a save leaves behind, and what others see while one is under way."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, EmbeddingSetError
from tests.helpers.toy_sets import make_set, names


class Crash(BaseException):
    """The machine stops: nothing after it happens, clean-up included."""


STEPS = [
    (os, "fsync"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "rmdir"),
    (Path, "write_text"),
]


def crash_at(monkeypatch, step):
    """Let `step` operations on the disk through, then none; return the count of those asked for."""
    count = [0]

    def mortal(function, deadly):
        def wrapped(*args, **kwargs):
            count[0] += deadly
            if count[0] > step:
                raise Crash
            return function(*args, **kwargs)

        return wrapped

    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, mortal(getattr(owner, name), 1))
    monkeypatch.setattr(pd.DataFrame, "to_parquet", mortal(pd.DataFrame.to_parquet, 1))
    monkeypatch.setattr(shutil, "rmtree", mortal(shutil.rmtree, 0))
    return count


def crashed_states(tmp_path, make_old):
    """Yield (step, folder) for a save that stops before each of its operations."""
    for step in range(100):
        folder = tmp_path / str(step)
        make_old(folder)
        with pytest.MonkeyPatch.context() as patch:
            count = crash_at(patch, step)
            try:
                make_set(n=9, d=5, seed=2, name="new").save(folder)
            except Crash:
                pass
            else:
                assert step == count[0] >= 10
                return
        yield step, folder
    raise AssertionError("the save never ended")


def content(s):
    return s.info["name"], len(s), s.d, round(float(s.modalities["text"].sum()), 5)


def test_a_crash_at_any_point_leaves_the_old_set_or_the_new(tmp_path):
    old, new = content(make_set()), content(make_set(n=9, d=5, seed=2, name="new"))
    seen = []
    for _, folder in crashed_states(tmp_path, lambda folder: make_set().save(folder)):
        (folder / "media").mkdir()
        seen.append(content(EmbeddingSet.load(folder)))
        assert seen[-1] in (old, new)
        make_set(seed=3, name="next").save(folder)
        assert EmbeddingSet.load(folder).info["name"] == "next"
        assert names(folder) == ["embeddings.safetensors", "info.json", "items.parquet", "media"]
    turn = seen.index(new)
    assert seen == [old] * turn + [new] * (len(seen) - turn)
    assert turn > 5
    assert len(seen) - turn > 3


def test_a_crash_before_any_set_existed_leaves_none_or_the_new(tmp_path):
    outcomes = set()
    for _, folder in crashed_states(tmp_path, lambda folder: None):
        try:
            outcomes.add(EmbeddingSet.load(folder).info["name"])
        except EmbeddingSetError as error:
            outcomes.add("missing" if "is missing" in str(error) or "does not exist" in str(error) else str(error))
        make_set(name="next").save(folder)
        assert EmbeddingSet.load(folder).info["name"] == "next"
    assert outcomes == {"missing", "new"}


def test_a_crash_during_recovery_is_no_worse(tmp_path):
    committed = [f for _, f in crashed_states(tmp_path, lambda f: make_set().save(f)) if (f / ".committed").exists()]
    assert committed
    for folder in committed:
        for step in range(3):
            with pytest.MonkeyPatch.context() as patch:
                crash_at(patch, step)
                with pytest.raises(Crash):
                    make_set(seed=3, name="next").save(folder)
            assert EmbeddingSet.load(folder).info["name"] == "new"


SAVER = """
import sys, numpy as np, pandas as pd
from gram import EmbeddingSet
for i in range(10**6):
    items = pd.DataFrame({"id": range(50 + i % 2), "turn": i})
    EmbeddingSet({"text": np.full((len(items), 64), 1.0 + i)}, items, {"turn": i}).save(sys.argv[1])
    if i == 1:
        print("saving", flush=True)
"""


def check_whole(s):
    turn = s.info["turn"]
    assert (s.items["turn"] == turn).all()
    assert (s.modalities["text"] == 1.0 + turn).all()
    assert len(s) == 50 + turn % 2
    return turn


def test_a_killed_saver_and_a_reader_beside_it(tmp_path):
    folder = tmp_path / "set"
    child = subprocess.Popen([sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "saving\n"
        start, turns = time.monotonic(), []
        while time.monotonic() < start + (1 if len(set(turns)) > 3 else 60):
            turns.append(check_whole(EmbeddingSet.load(folder)))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert turns == sorted(turns)
    assert len(set(turns)) > 3
    assert check_whole(EmbeddingSet.load(folder)) >= turns[-1]


def test_readers_in_threads_never_see_a_mixture(tmp_path):
    folder, stop, failures = tmp_path / "set", threading.Event(), []

    def save(i):
        n = 50 + i % 2
        s = EmbeddingSet({"text": np.full((n, 8), 1.0 + i)}, pd.DataFrame({"id": range(n), "turn": i}), {"turn": i})
        s.save(folder)

    def read():
        while not stop.is_set():
            try:
                check_whole(EmbeddingSet.load(folder))
            except BaseException as error:
                failures.append(error)
                return

    save(0)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(1, 60):
        save(i)
    stop.set()
    for reader in readers:
        reader.join()
    assert not failures


def test_a_reader_that_every_save_overtakes_gets_a_whole_set_once_they_stop(tmp_path, monkeypatch):
    folder, saves = tmp_path / "set", [0]
    read_parquet = pd.read_parquet

    def save():
        i = saves[0] = saves[0] + 1
        n = 50 + i % 2
        items = pd.DataFrame({"id": range(n), "turn": i})
        EmbeddingSet({"text": np.full((n, 8), 1.0 + i)}, items, {"turn": i}).save(folder)

    def overtaken(*args, **kwargs):
        if saves[0] < 40:
            save()
        return read_parquet(*args, **kwargs)

    save()
    monkeypatch.setattr(pd, "read_parquet", overtaken)
    assert check_whole(EmbeddingSet.load(folder)) == saves[0] == 40


def test_damage_in_an_unfinished_save_is_told_at_once(tmp_path):
    for _, folder in crashed_states(tmp_path, lambda f: make_set().save(f)):
        if (folder / ".committed" / "items.parquet").exists():
            break
    (folder / ".committed" / "items.parquet").write_bytes(b"no Parquet")
    start = time.monotonic()
    with pytest.raises(EmbeddingSetError, match="not readable Parquet"):
        EmbeddingSet.load(folder)
    assert time.monotonic() - start < 5
