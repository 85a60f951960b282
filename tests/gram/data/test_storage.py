"""Embedding sets on disk: round trips, what a save leaves alone, and files that are refused."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet, EmbeddingSetError
from tests.helpers.toy_sets import edit_embeddings, edit_info, edit_items, make_arrays, make_items, make_set, names


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "set"
    make_set(anchor="image").save(folder)
    return folder


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_round_trip(dtype, tmp_path):
    arrays = make_arrays(dtype=dtype)
    arrays["image"][1] = np.nan
    info = {"name": "réunion", "anchor": "speech", "licence": "CC0", "numbers": [1, 2.5, None]}
    items = make_items().assign(snr=np.linspace(0, 1, 6), split=pd.Categorical(["train", "test"] * 3))
    EmbeddingSet(modalities=arrays, items=items, info=info).save(tmp_path / "a" / "b")
    s = EmbeddingSet.load(str(tmp_path / "a" / "b"))
    assert s.info == info
    assert s.path == tmp_path / "a" / "b"
    assert s.names == ["text", "image", "speech"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(s.modalities[name].numpy(), array)
        assert s.modalities[name].numpy().dtype == dtype
    pd.testing.assert_frame_equal(s.items, items)
    on_disk = json.loads((tmp_path / "a" / "b" / "info.json").read_text(encoding="utf-8"))
    assert on_disk["version"] == 1
    assert on_disk["modalities"] == ["text", "image", "speech"]


def test_a_folder_holds_three_files_and_nothing_hidden(saved):
    assert names(saved) == ["embeddings.safetensors", "info.json", "items.parquet"]


def test_one_tensor_twice_can_be_saved(tmp_path):
    x = torch.randn(6, 4)
    EmbeddingSet(modalities={"text": x, "image": x}, items=make_items()).save(tmp_path / "set")
    s = EmbeddingSet.load(tmp_path / "set")
    assert torch.equal(s.modalities["text"], s.modalities["image"])


def test_order_without_a_list_is_anchor_first(saved):
    edit_info(saved, modalities=...)
    assert EmbeddingSet.load(saved).names[0] == "image"


def test_save_over_itself_while_mapped(saved):
    s = EmbeddingSet.load(saved)
    before = {name: tensor.clone() for name, tensor in s.modalities.items()}
    s.info["name"] = "renamed"
    s.save(saved)
    again = EmbeddingSet.load(saved)
    assert again.info["name"] == "renamed"
    for name in before:
        assert torch.equal(again.modalities[name], before[name])
        assert torch.equal(s.modalities[name], before[name])


def test_save_keeps_media_and_everything_else(saved):
    (saved / "media").mkdir()
    (saved / "media" / "0.png").write_bytes(b"picture")
    (saved / "README.md").write_text("mine")
    make_set(seed=1).save(saved)
    assert (saved / "media" / "0.png").read_bytes() == b"picture"
    assert (saved / "README.md").read_text() == "mine"


def test_save_into_a_folder_that_holds_only_media(tmp_path):
    (tmp_path / "media").mkdir()
    make_set().save(tmp_path)
    assert len(EmbeddingSet.load(tmp_path)) == 6


def test_save_never_fills_a_folder_of_other_things(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(EmbeddingSetError, match="is not an embedding set and not empty, so nothing was written"):
        make_set().save(tmp_path)
    with pytest.raises(EmbeddingSetError, match=r"thesis.tex: is not an embedding set"):
        make_set().save(tmp_path / "thesis.tex")
    assert names(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize(
    ("spoil_set", "message"),
    [
        (lambda s: s.info.update(model=object()), "info: cannot be written as JSON .*; use text"),
        (lambda s: s.info.update(loss=float("nan")), "info: cannot be written as JSON"),
        (
            lambda s: s.items.__setitem__("odd", [1, "a", b"b", [], {}, None]),
            "items: cannot be written as Parquet",
        ),
    ],
)
def test_what_cannot_be_written_leaves_no_trace(spoil_set, message, tmp_path):
    s = make_set()
    spoil_set(s)
    with pytest.raises(EmbeddingSetError, match=message):
        s.save(tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_disk_that_refuses(saved, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EmbeddingSetError, match=r"set: cannot be written \(.*No space left.*\); free space"):
        make_set(seed=1).save(saved)
    monkeypatch.undo()
    assert len(EmbeddingSet.load(saved)) == 6
    assert names(saved) == ["embeddings.safetensors", "info.json", "items.parquet"]


def truncate(name, keep):
    def edit(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * keep)])

    return edit


FILES = ["embeddings.safetensors", "items.parquet", "info.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(saved, name):
    (saved / name).unlink()
    with pytest.raises(EmbeddingSetError, match=rf"set/{name}: is missing; a set holds"):
        EmbeddingSet.load(saved)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embeddings.safetensors", "is cut short or damaged .*; copy or save the set again"),
        ("items.parquet", "is not readable Parquet .*; copy or save the set again"),
        ("info.json", "is not valid JSON .*; repair it or save the set again"),
    ],
)
def test_a_truncated_file(saved, name, message, keep):
    if name == "info.json" and keep == 0.99:
        keep = 0.9  # the last 1 % is the closing newline
    truncate(name, keep)(saved)
    with pytest.raises(EmbeddingSetError, match=f"set/{name}: {message}"):
        EmbeddingSet.load(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: edit_info(f, version=2),
            r"info.json: version 2 is unknown, this program reads version 1; update",
        ),
        (lambda f: edit_info(f, version=...), r"info.json: version None is unknown"),
        (lambda f: (f / "info.json").write_text("[1]"), "info.json: holds a list; expected a JSON object"),
        (lambda f: (f / "info.json").write_bytes(b"\xff\xfe{}"), "info.json: is not valid JSON"),
        (lambda f: (f / "info.json").write_text("[" * 100_000), "info.json: is not valid JSON"),
        (lambda f: edit_info(f, anchor="video"), "info.json: the anchor 'video' is not a modality"),
        (
            lambda f: edit_info(f, modalities=["text"]),
            r"lists the modalities \['text'\], but emb.* holds image, speech, text",
        ),
        (lambda f: edit_info(f, modalities=3), "lists the modalities 3, but"),
        (
            lambda f: edit_items(f, lambda x: x.iloc[:4]),
            r"'text' has 6 rows, but .*set/items.parquet has 4; row 4 is the",
        ),
        (
            lambda f: edit_items(f, lambda x: x.assign(id="a")),
            r"items.parquet: row 1 repeats the id 'a' of row 0",
        ),
        (
            lambda f: edit_items(f, lambda x: x.rename(columns={"id": "key"})),
            r"items.parquet: no column 'id'",
        ),
        (
            lambda f: edit_items(f, lambda x: x.assign(media="../x")),
            r"items.parquet: column 'media', row 0 .*not a path insi",
        ),
        (
            lambda f: edit_embeddings(f, lambda a: {k: v.astype(np.float64) for k, v in a.items()}),
            r"embeddings.safetensors: modality 'text' is float64; store it as float32 or float16",
        ),
        (
            lambda f: edit_embeddings(f, lambda a: a | {"image": a["image"][:, :3].copy()}),
            r"embeddings.safetensors: modality 'image' has d = 3, but 'text' has d = 4",
        ),
        (
            lambda f: edit_embeddings(f, lambda a: a | {"image": a["image"][:5].copy()}),
            r"embeddings.safetensors: modality 'image' has 5 rows, but .*items.parquet has 6; row 5",
        ),
        (
            lambda f: (f / "items.parquet").write_bytes(pickle.dumps(make_items())),
            "items.parquet: is not readable Parquet",
        ),
        (
            lambda f: (f / "embeddings.safetensors").write_bytes(pickle.dumps({})),
            "embeddings.safetensors: is cut short",
        ),
    ],
)
def test_bad_files(saved, change, message):
    change(saved)
    with pytest.raises(EmbeddingSetError, match=message):
        EmbeddingSet.load(saved)


def test_errors_are_one_line(saved):
    truncate("items.parquet", 0.5)(saved)
    with pytest.raises(EmbeddingSetError) as caught:
        EmbeddingSet.load(saved)
    assert "\n" not in str(caught.value)


def test_load_of_no_folder(tmp_path):
    with pytest.raises(EmbeddingSetError, match="nowhere: does not exist; give the folder"):
        EmbeddingSet.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddingSetError, match="file: is not a folder; an embedding set is a folder"):
        EmbeddingSet.load(tmp_path / "file")


def test_nothing_is_unpickled(saved, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    EmbeddingSet.load(saved)


OPENER = """
import sys, pandas, pyarrow.parquet, gram, gram.data.embedding_set
def own_memory():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
before = own_memory()
s = gram.EmbeddingSet.load(sys.argv[1])
print((own_memory() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_a_large_set_is_mapped_not_read(tmp_path):
    n, d = 30_000, 512  # 61 MB a modality
    x = np.ones((n, d), dtype=np.float32)
    EmbeddingSet(modalities={"text": x, "image": x}, items=make_items(n)).save(tmp_path / "set")
    done = subprocess.run(
        [sys.executable, "-c", OPENER, str(tmp_path / "set")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 60  # MB of its own for 122 MB of vectors: the items and one block


def test_who_may_read_a_set_is_what_the_umask_says(tmp_path):
    before = os.umask(0o022)
    try:
        make_set().save(tmp_path / "set")
    finally:
        os.umask(before)
    assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "set").iterdir()} == {"0o644"}
