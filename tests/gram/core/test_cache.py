"""The cache: where its files are, that they are whole, and which are removed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gram.core.cache import Cache, cache_folder, digest


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_variable_names_the_folder(root):
    assert cache_folder("layouts") == root / "layouts"
    assert Cache("measures", ".json", keep=3).path("ab" * 32) == root / "measures" / f"{'ab' * 20}.json"


def test_the_variable_may_start_at_home(monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", "~/mine")
    assert cache_folder("x") == Path.home() / "mine" / "x"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="each platform has its own folder")
def test_without_it_the_platforms_folder_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("GRAM_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("layouts") == tmp_path / "xdg" / "gram" / "layouts"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder("layouts") == Path.home() / ".cache" / "gram" / "layouts"


def test_a_file_is_put_under_its_key_and_the_oldest_go(root):
    cache = Cache("kind", ".txt", keep=2)
    for key in ("a" * 64, "b" * 64, "c" * 64):
        assert cache.put(key, lambda path, key=key: path.write_text(key)) == cache.path(key)
        time.sleep(0.02)
    assert sorted(file.name for file in cache.folder.iterdir()) == [f"{'b' * 40}.txt", f"{'c' * 40}.txt"]
    assert cache.path("c" * 64).read_text() == "c" * 64
    os.utime(cache.path("b" * 64))
    cache.put("d" * 64, lambda path: path.write_text(""))
    assert cache.path("b" * 64).exists()
    assert not cache.path("c" * 64).exists()


def test_other_kinds_and_suffixes_are_left_alone(root):
    cache = Cache("kind", ".txt", keep=1)
    (root / "kind").mkdir(parents=True)
    (root / "kind" / "other.bin").write_text("")
    for key in ("a" * 64, "b" * 64):
        cache.put(key, lambda path: path.write_text(""))
    assert sorted(file.name for file in cache.folder.iterdir()) == [f"{'b' * 40}.txt", "other.bin"]


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(root):
    cache = Cache("kind", ".txt", keep=2)
    cache.put("a" * 64, lambda path: path.write_text("old"))

    def full(path):
        path.write_text("half")
        raise OSError("no space left")

    def wrong(path):
        raise ValueError("a bug")

    assert cache.put("a" * 64, full) is None
    with pytest.raises(ValueError, match="a bug"):
        cache.put("a" * 64, wrong)
    assert [file.name for file in cache.folder.iterdir()] == [f"{'a' * 40}.txt"]
    assert cache.path("a" * 64).read_text() == "old"


def test_a_cache_that_cannot_be_made_gives_none(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "file"))
    assert Cache("kind", ".txt", keep=2).put("a" * 64, lambda path: path.write_text("")) is None


def test_a_digest_depends_on_facts_names_order_and_values_but_not_on_the_stored_type():
    rows = torch.arange(12.0).reshape(4, 3)
    one = digest([1, "v"], {"a": rows, "b": rows + 1})
    assert one == digest([1, "v"], {"a": rows.half(), "b": (rows + 1).double()})
    others = [
        digest([2, "v"], {"a": rows, "b": rows + 1}),
        digest([1, "v"], {"b": rows + 1, "a": rows}),
        digest([1, "v"], {"a": rows, "c": rows + 1}),
        digest([1, "v"], {"a": rows + 1, "b": rows + 1}),
        digest([1, "v"], {"a": rows.reshape(3, 4), "b": rows + 1}),
    ]
    assert len({one, *others}) == 6


def test_the_digest_of_many_rows_is_that_of_one_pass():
    rows = torch.arange(40_000.0).unsqueeze(1)
    code = "import hashlib, json, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    whole = b"[]" + b'["a", [40000, 1]]' + rows.numpy().tobytes()
    expected = subprocess.run([sys.executable, "-c", code], input=whole, capture_output=True, check=True).stdout
    assert digest([], {"a": rows}) == expected.decode().strip()
