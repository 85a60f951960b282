"""What columns are taken for, what can be corrected, which rows have problems, and what is missing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gram import EmbeddingSet, EmbeddingSetError, FeatureSet
from gram.cli import main
from gram.data.importers import RowError, inspect, read, row_errors
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


def test_ids_that_repeat_are_not_taken(tmp_path):
    np.savez(tmp_path / "a.npz", text=np.ones((3, 2)), id=["a", "b", "a"])
    found = inspect(tmp_path / "a.npz")
    assert found.roles.id is None
    assert "'id' is not unique or has gaps, so it is not taken as the ids." in found.notes
    assert read(found).items["id (column)"].tolist() == ["a", "b", "a"]
    chosen = replace(found.roles, id="id")
    assert row_errors(found, chosen) == [RowError(2, "a", "repeats the id 'a'")]


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
