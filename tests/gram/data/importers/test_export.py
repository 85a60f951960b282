"""Sets saved with their media."""

import shutil

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, EmbeddingSetError
from gram.data.importers import RowError, inspect, read, row_errors, save


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
