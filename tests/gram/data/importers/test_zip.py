"""Archives: what they hold is read as a folder is."""

import gzip
import zipfile

import numpy as np
import pytest

from gram import EmbeddingSetError
from gram.data.importers import Limits, inspect, read
from gram.data.importers.zip import open_archive


@pytest.mark.parametrize("below", ["", "set/", "deep/set/"])
def test_a_folder_in_a_zip(below, tmp_path):
    np.save(tmp_path / "text.npy", np.eye(3, 4, dtype=np.float32) + 1)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "text.npy", f"{below}text.npy")
        archive.writestr("__MACOSX/._text.npy", b"junk")
    features = read(inspect(tmp_path / "a.zip"))
    np.testing.assert_array_equal(features.modalities["text"].numpy(), np.eye(3, 4) + 1)


def test_a_file_in_a_zip_may_be_called_as_the_sandbox_calls_its_own(tmp_path):
    (tmp_path / "reply.json").write_text('[{"id": 1, "v": [1.5, 2]}, {"id": 2, "v": [3, 4]}]')
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "reply.json", "reply.json")
    assert inspect(tmp_path / "a.zip").n == 2


def test_a_gzip_file_keeps_its_inner_suffix(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"v": [1.5, 2]}\n{"v": [3, 4]}\n'))
    assert inspect(tmp_path / "a.jsonl.gz").format == "JSON Lines, packed"


def test_an_encrypted_entry_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("text.npy", b"x")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.find(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(EmbeddingSetError, match=r"'text.npy' is encrypted; pack it without a password"):
        open_archive(tmp_path / "a.zip", Limits(), "a zip archive", "pack it again")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_comes_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.npy", b"one")
        archive.writestr("a.npy", b"other")
    with pytest.raises(EmbeddingSetError, match=r"holds 'a\.npy' twice; pack it once"):
        inspect(tmp_path / "a.zip")


def test_a_name_with_control_characters_is_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a\nb\x1b[31m.npy", b"junk")
    with pytest.raises(EmbeddingSetError, match=r"a\.zip/a b \[31m\.npy: is not readable as a NumPy array") as caught:
        inspect(tmp_path / "a.zip")
    assert str(caught.value).isprintable()
    assert str(caught.value).count("a.zip") == 1
