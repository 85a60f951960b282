"""Folders: sets of this program, and files that make a set together; `load` opens any of them."""

from pathlib import Path

import numpy as np
import pytest

import gram
from gram import EmbeddingSet, EmbeddingSetError, FeatureSet
from gram.data.importers import inspect, is_embedding_set
from tests.helpers.importer_files import make_table, make_vectors, npy_folder


def test_load_opens_sets_as_sets_and_all_else_as_features(tmp_path):
    vectors = {name: np.ones((7, 4), np.float32) for name in ("text", "image")}
    EmbeddingSet(modalities=vectors, items=make_table()).save(tmp_path / "set")
    FeatureSet(modalities=make_vectors(), items=make_table()).save(tmp_path / "features")
    npy_folder(tmp_path / "npys", make_vectors())
    assert isinstance(gram.load(tmp_path / "set"), EmbeddingSet)
    assert (is_embedding_set(tmp_path / "set"), is_embedding_set(tmp_path / "features")) == (True, False)
    for name in ("features", "npys"):
        features = gram.load(str(tmp_path / name))
        assert isinstance(features, FeatureSet)
        assert features.sizes == {"text": 12, "video": 5, "audio": 4}
        assert features.items["id"].tolist() == make_table()["id"].tolist()


def test_nothing_to_read_is_one_line(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(EmbeddingSetError, match="holds no file that is read; put one there for each modality"):
        inspect(tmp_path)
    with pytest.raises(EmbeddingSetError, match="does not exist"):
        gram.load(tmp_path / "nowhere")


def test_what_the_user_may_not_read_is_refused(tmp_path, monkeypatch):
    npy_folder(tmp_path / "npys", make_vectors())

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(EmbeddingSetError, match=r"\.npy: cannot be read \(Permission denied\); give another path"):
            inspect(tmp_path / "npys")
    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(EmbeddingSetError, match=r"is not readable as a folder \(Permission denied\)"):
        inspect(tmp_path / "npys")
    assert not is_embedding_set(tmp_path / "npys")
