"""What columns are taken for, what can be corrected, which rows have problems, and what is missing."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
import torch
from safetensors.torch import save_file

from gram import EmbeddingSet, EmbeddingSetError, FeatureSet
from gram.cli import main
from gram.data.importers import Limits, RowError, inspect, read, row_errors, save, suffixes
from tests.helpers.importer_files import N, make_table, make_vectors


@pytest.fixture
def run(capsys):
    def run(*argv):
        status = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("columns", "modalities"),
    [
        (["feat_t", "feat_v", "feat_a", "feat_s"], ["text", "video", "audio", "subtitle"]),
        (["500text_features_msrvtt", "500video_features_msrvtt"], ["text", "video"]),
        (["textEmbeddings", "image-embedding"], ["text", "image"]),
        (["text_clip", "text_bert"], ["text_clip", "text_bert"]),
        (["X1", "X2"], ["X1", "X2"]),
        (["EEG", "fMRI"], ["eeg", "fmri"]),
    ],
)
def test_names_of_modalities(columns, modalities, tmp_path):
    np.savez(tmp_path / "a.npz", **{name: np.eye(4, 3) + 1 for name in columns})
    assert inspect(tmp_path / "a.npz").roles.modalities == dict(zip(modalities, columns))


def test_a_guess_and_its_correction(tmp_path):
    vectors = make_vectors()
    np.savez(
        tmp_path / "a.npz", **vectors, video_id=list("abcdefg"), caption=list("hijklmn"), fold=[0, 1, 0, 1, 0, 1, 0],
        one_hot=np.eye(N), centroids=np.ones((90, 4)), frames=np.ones((N, 3, 4)), text_mask=[1, 1, 0, 1, 1, 1, 1],
    )  # fmt: skip
    found = inspect(tmp_path / "a.npz")
    assert found.roles.modalities == {name: name for name in vectors}
    assert (found.roles.id, found.roles.label, found.roles.split) == ("video_id", "caption", "fold")
    assert (found.roles.anchor, found.roles.masks) == ("text", {"text": "text_mask"})
    roles = {column.name: column.role for column in found.columns}
    assert roles["one_hot"] == roles["centroids"] == ""
    assert any("'frames' is left out: its shape is 7 x 3 x 4; average it to one vector" in note for note in found.notes)
    assert any("'centroids' is left out: it has 90 rows, and the others have 7" in note for note in found.notes)
    features = read(found)
    assert features.items.columns.tolist() == ["id", "label", "split"]
    assert features.missing() == {"text": 1, "video": 0, "audio": 0}
    plan = replace(found.roles, modalities={"b": "video", "a": "text"}, anchor="a", id=None, label="video_id", masks={})
    corrected = read(found, plan)
    assert (corrected.names, corrected.anchor) == (["b", "a"], "a")
    assert corrected.items["id"].tolist() == [str(row) for row in range(N)]
    assert corrected.items["label"].tolist() == list("abcdefg")
    assert corrected.items["caption"].tolist() == list("hijklmn")
    assert corrected.missing() == {"b": 0, "a": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modalities": {}}, "no modality is chosen"),
        ({"modalities": {"text": "x"}}, "has no column 'x'; it has text, video"),
        ({"modalities": {"text": "id"}}, "'id' holds a single value an item; choose another"),
        ({"id": "text"}, "'text' holds a vector an item; choose another"),
        ({"anchor": "smell"}, "'smell' is not among the modalities text"),
    ],
)
def test_plans_that_do_not_fit(change, message, tmp_path):
    np.savez(tmp_path / "a.npz", **make_vectors(), id=list("abcdefg"))
    found = inspect(tmp_path / "a.npz")
    plan = replace(found.roles, **change)
    with pytest.raises(EmbeddingSetError, match=message):
        read(found, plan)
    assert message.split(" ")[0] in row_errors(found, plan)[0].what


def test_ids_that_repeat_are_not_taken(tmp_path):
    np.savez(tmp_path / "a.npz", text=np.ones((3, 2)), id=["a", "b", "a"])
    found = inspect(tmp_path / "a.npz")
    assert found.roles.id is None
    assert "'id' is not unique or has gaps, so it is not taken as the ids." in found.notes
    assert read(found).items["id (column)"].tolist() == ["a", "b", "a"]
    chosen = replace(found.roles, id="id")
    assert row_errors(found, chosen) == [RowError(2, "a", "repeats the id 'a'")]


def test_kinds_of_numbers(tmp_path):
    x = torch.arange(12.0).reshape(4, 3) + 1
    kinds = {"bf": torch.bfloat16, "double": torch.float64, "half": torch.float16, "single": torch.float32}
    save_file({name: x.to(kind) for name, kind in kinds.items()}, tmp_path / "a.safetensors")
    features = read(inspect(tmp_path / "a.safetensors"))
    assert {name: str(tensor.dtype) for name, tensor in features.modalities.items()} == {
        "bf": "torch.float32", "double": "torch.float32", "half": "torch.float16", "single": "torch.float32",
    }  # fmt: skip
    np.save(tmp_path / "a.npy", np.arange(12, dtype=">i8").reshape(4, 3) + 1)
    found = inspect(tmp_path / "a.npy")
    assert "'a' holds whole numbers (int64); they become float32." in found.notes
    assert torch.equal(read(found).modalities["a"], x)
    np.save(tmp_path / "f.npy", np.asfortranarray(x.numpy()))
    assert torch.equal(read(inspect(tmp_path / "f.npy")).modalities["f"], x)


def test_null_cells_are_missing_and_odd_cells_are_problems(tmp_path):
    rows = [
        {"id": "a", "text": [1, 2], "video": [1, 2, 3]},
        {"id": "b", "text": None, "video": [0, 0, 0]},
        {"id": "c", "text": [1, 2, 3], "video": [1, None, 3]},
        {"id": "d", "text": "no", "video": [1, 2, 1e400]},
        {"id": "e", "text": [1, "x"], "video": []},
        {"id": "f", "text": [3, 4]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = inspect(tmp_path / "a.jsonl")
    assert row_errors(found) == [
        RowError(1, "b", "'video' is all zeros, and has no direction"),
        RowError(2, "c", "'text' has 3 numbers, but most rows have 2"),
        RowError(2, "c", "'video' is NaN in part (1 of 3 numbers)"),
        RowError(3, "d", "'text' is 'no', which is no list of numbers"),
        RowError(3, "d", "'video' has an infinite value"),
        RowError(4, "e", "'text' holds 'x' among its numbers"),
    ]
    with pytest.raises(
        EmbeddingSetError, match=r"'text', row 2 \(id 'c'\) has 3 numbers, but most rows have 2; repair"
    ):
        read(found)
    kept = read(found, without=[1, 2, 3, 4])
    assert kept.items["id"].tolist() == ["a", "f"]
    assert kept.missing() == {"text": 0, "video": 1}


@pytest.mark.parametrize("kind", ["lists", "fixed", "text", "wide"])
def test_null_cells_of_tables(kind, tmp_path):
    expected = np.array([[1, 2], [np.nan, np.nan], [5, 6]], np.float32)
    lists = [[1.0, 2.0], None, [5.0, 6.0]]
    path = tmp_path / ("a.csv" if kind in ("text", "wide") else "a.parquet")
    if kind == "wide":
        path.write_text("id,text.0,text.1\n00,1.0,2\n01,,\n02,5,6\n")
    elif kind == "text":
        path.write_text('id,text\n00,"[1, 2]"\n01,\n02,5 6\n')
    else:
        of = pa.list_(pa.float32(), 2) if kind == "fixed" else pa.large_list(pa.float64())
        pq.write_table(pa.table({"id": ["00", "01", "02"], "text": pa.array(lists, of)}), path)
    features = read(inspect(path))
    np.testing.assert_array_equal(features.modalities["text"].numpy(), expected)
    assert features.items["id"].tolist() == ["00", "01", "02"]


@pytest.mark.parametrize("shapes", [((9, 4), (4, 7)), ((4, 9), (7, 4)), ((9, 4), (7, 4))])
def test_which_side_of_a_view_is_the_items(shapes, tmp_path):
    rng = np.random.default_rng(0)
    views = {f"X{i}": rng.normal(size=shape) for i, shape in enumerate(shapes)}
    scipy.io.savemat(tmp_path / "a.mat", views)
    features = read(inspect(tmp_path / "a.mat"))
    assert features.sizes == {"X0": 9, "X1": 7}
    for name, view in views.items():
        turned = view if len(view) == 4 else view.T
        np.testing.assert_allclose(features.modalities[name].numpy(), turned, rtol=1e-6)


def test_labels_tell_the_sides_apart(tmp_path):
    views = {"X1": np.ones((4, 9)), "X2": np.ones((4, 9)), "gt": np.arange(9)}
    scipy.io.savemat(tmp_path / "a.mat", views)
    found = inspect(tmp_path / "a.mat")
    assert (found.n, found.roles.label) == (9, "gt")
    del views["gt"]
    scipy.io.savemat(tmp_path / "a.mat", views)
    found = inspect(tmp_path / "a.mat")
    assert found.n == 4
    assert "Every view is 4 x 9, so either side could count the items; the rows are taken." in found.notes


def test_texts_and_truths_of_matlab(tmp_path):
    names = np.empty((3, 1), object)
    names[:, 0] = ["one", "", "drei é"]
    content = {
        "X": np.eye(3, 2) + 1,
        "label": names,
        "id": np.array(["a ", "bb", "c "]),
        "X_mask": np.array([1, 0, 1]) > 0,
    }
    scipy.io.savemat(tmp_path / "a.mat", content)
    features = read(inspect(tmp_path / "a.mat"))
    assert features.items["label"].tolist() == ["one", "", "drei é"]
    assert features.items["id"].tolist() == ["a", "bb", "c"]
    assert features.missing() == {"X": 1}


@pytest.fixture
def with_media(tmp_path):
    folder = tmp_path / "in"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "0.png").write_bytes(b"zero")
    (folder / "1.png").write_bytes(b"one")
    np.save(folder / "text.npy", np.eye(3, 4) + 1)
    np.save(folder / "image.npy", np.eye(3, 4) + 2)
    paths = ["pictures/0.png", "1.png", None]
    pd.DataFrame({"id": list("abc"), "file": paths, "media_type": ["p", "p", 3]}).to_csv(folder / "t.csv", index=False)
    return folder


def test_media_are_copied_with_a_set(with_media, tmp_path):
    found = inspect(with_media)
    assert found.roles.media == {"file": "image"}
    saved = save(read(found), tmp_path / "out")
    again = EmbeddingSet.load(tmp_path / "out")
    assert again.items["file"].tolist()[:2] == ["media/pictures/0.png", "media/1.png"]
    assert [again.media_file(row, "file").read_bytes() for row in (0, 1)] == [b"zero", b"one"]
    assert again.media_file(2, "file") is None
    assert saved.path == tmp_path / "out"


@pytest.mark.parametrize(("path", "what"), [("2.png", "is not there"), ("../x.png", "lies outside the folder")])
def test_media_that_are_not_there(with_media, tmp_path, path, what):
    (tmp_path / "x.png").write_bytes(b"secret")
    table = pd.read_csv(with_media / "t.csv")
    table.loc[1, "file"] = path
    table.to_csv(with_media / "t.csv", index=False)
    found = inspect(with_media)
    assert row_errors(found) == [RowError(1, "b", f"'file' names '{path}', which {what}")]
    with pytest.raises(EmbeddingSetError, match=r"which is not (there|a path inside)"):
        save(read(found), tmp_path / "out")


def test_media_in_a_zip(with_media, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "a"), "zip", with_media)
    features = read(inspect(archive))
    save(features, tmp_path / "out")
    assert (tmp_path / "out" / "media" / "1.png").read_bytes() == b"one"


# --- feature sets ---


def test_a_feature_set_on_disk_and_its_kinds(tmp_path):
    features = FeatureSet(modalities=make_vectors(), items=make_table())
    assert (features.sizes, features.aligned) == ({"text": 12, "video": 5, "audio": 4}, False)
    with pytest.raises(
        EmbeddingSetError, match=r"differ in size \(text 12, video 5, audio 4\), .* python -m gram align"
    ):
        features.embedding_set()
    features.save(tmp_path / "set")
    assert json.loads((tmp_path / "set" / "info.json").read_text())["kind"] == "features"
    again = FeatureSet.load(tmp_path / "set")
    assert again.info == {}
    assert again.subset([2, 0]).sizes == features.sizes
    with pytest.raises(EmbeddingSetError, match=r"holds features, .*; align them first: python -m gram align"):
        EmbeddingSet.load(tmp_path / "set")
    same = FeatureSet(modalities={"a": np.ones((N, 3)), "b": np.ones((N, 3))}, items=make_table())
    same.embedding_set().save(tmp_path / "one")
    assert EmbeddingSet.load(tmp_path / "one").d == 3
    assert FeatureSet.load(tmp_path / "one").aligned


# --- the command line ---


def test_convert_and_back(tmp_path, run):
    np.savez(tmp_path / "a.npz", **make_vectors(), id=list("abcdefg"))
    status, out, err = run("convert", tmp_path / "a.npz", tmp_path / "set", "--modality", "t=text", "--modality",
                           "v=video", "--anchor", "v", "--id", "none")  # fmt: skip
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"{tmp_path / 'set'}: 7 items, t (12), v (5), anchor v"
    assert FeatureSet.load(tmp_path / "set").items.columns.tolist() == ["id", "id (column)"]
    for suffix in ("parquet", "npz", "safetensors"):
        assert run("convert", tmp_path / "set", tmp_path / f"b.{suffix}")[0] == 0
        status, out, _ = run("convert", tmp_path / f"b.{suffix}", tmp_path / suffix, "--json")
        assert json.loads(out)["modalities"]["t"] == {"d": 12, "missing": 0}
        again = FeatureSet.load(tmp_path / suffix)
        assert again.anchor == "v"
        assert torch.equal(again.modalities["v"], torch.from_numpy(make_vectors()["video"]))


def test_convert_leaves_out_bad_rows_when_told(tmp_path, run):
    vectors = make_vectors()
    vectors["text"][3] = 0
    np.savez(tmp_path / "a.npz", **vectors)
    status, _, err = run("convert", tmp_path / "a.npz", tmp_path / "set")
    assert status == 1
    assert "'text', row 3 (id '3') is all zeros" in err
    status, out, _ = run("convert", tmp_path / "a.npz", tmp_path / "set", "--skip-bad")
    assert status == 0
    assert "left out: 1 rows, the first of them row 3" in out
    assert len(FeatureSet.load(tmp_path / "set")) == 6


def test_validate_any_file(tmp_path, run):
    vectors = make_vectors()
    np.savez(tmp_path / "a.npz", **vectors, id=list("abcdefg"))
    status, out, err = run("validate", tmp_path / "a.npz")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == (f"{tmp_path / 'a.npz'}: NumPy arrays (.npz), 7 items, 3 modalities, anchor text")
    assert [line.split()[:3] for line in out.splitlines()[3:4]] == [["text", "modality", "text"]]
    vectors["text"][3] = 0
    vectors["video"][4, 0] = np.nan
    np.savez(tmp_path / "a.npz", **vectors, id=list("abcdefg"))
    status, out, err = run("validate", tmp_path / "a.npz")
    assert status == 1
    assert "row 3 (id 'd'): 'text' is all zeros, and has no direction, and 1 more problems; --json lists them" in err
    status, out, _ = run("validate", tmp_path / "a.npz", "--json")
    said = json.loads(out)
    assert (status, said["sound"], said["items"], said["plan"]["id"]) == (1, False, 7, "id")
    assert [problem["row"] for problem in said["problems"]] == [3, 4]


def test_wrong_usage(tmp_path, run):
    assert run("convert", tmp_path)[0] == 2
    status, _, err = run("convert", tmp_path, tmp_path, "--modality", "text")
    assert status == 2
    assert "expected NAME=COLUMN, got 'text'" in err


# --- size ---


LOOK = """
import sys, time
import gram.data.storage, gram.data.importers.npy, gram.data.importers.safetensors, gram.data.importers.sandbox
gram.data.importers.sandbox.start()
def own():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
start, before = time.perf_counter(), own()
found = gram.data.importers.inspect(sys.argv[1])
print(time.perf_counter() - start, (own() - before) / 1024, found.n)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize("kind", ["npy", "set"])
def test_a_look_at_a_million_items_is_quick_and_small(kind, tmp_path):
    n, d = 1_000_000, 512
    if kind == "npy":
        for name in ("text", "image", "speech"):
            array = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float16, (n, d))  # sparse on disk
            del array
    else:
        size = n * d * 2
        names = ("text", "image", "speech")
        header = {
            a: {"dtype": "F16", "shape": [n, d], "data_offsets": [i * size, (i + 1) * size]}
            for i, a in enumerate(names)
        }
        text = json.dumps(header).encode()
        with (tmp_path / "embeddings.safetensors").open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + 3 * size)
        pd.DataFrame({"id": np.arange(n).astype(str), "label": "x"}).to_parquet(tmp_path / "items.parquet")
        (tmp_path / "info.json").write_text('{"version": 1, "modalities": ["text", "image", "speech"]}')
    done = subprocess.run([sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True, check=True)
    seconds, megabytes, found = map(float, done.stdout.split())
    assert found == n
    assert seconds < 1
    assert megabytes < 100


def test_limits_and_suffixes_have_defaults():
    assert Limits().items >= 1_000_000
    assert {".npy", ".zip", ".mat", ".pt"} <= set(suffixes())
