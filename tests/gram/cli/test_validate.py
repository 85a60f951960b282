"""`gram validate`: what is in a set, as text and as JSON."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet
from tests.helpers.cli_sets import make_arrays


def test_validate_says_what_is_there(folder, run):
    status, out, err = run("validate", folder)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{folder}: a sound embedding set"
    assert lines[1] == "40 items, 3 modalities, d = 6, anchor text"
    assert lines[2] == "columns: id, label"
    assert lines[4].split() == ["modality", "type", "missing", "lengths"]
    assert lines[6].split() == ["image", "float32", "2", "1", "to", "1", "(unit)"]


def test_validate_as_json_of_odd_lengths_and_lost_media(tmp_path, run):
    arrays = make_arrays() | {"tones": np.full((40, 6), np.nan)}
    arrays["text"][5] *= 3
    items = pd.DataFrame({"id": range(40), "media": ["media/0.png", "media/1.png", *[None] * 38]})
    EmbeddingSet(modalities=arrays, items=items).save(tmp_path / "set")
    (tmp_path / "set" / "media").mkdir()
    (tmp_path / "set" / "media" / "1.png").write_bytes(b"")
    status, out, _ = run("validate", tmp_path / "set", "--json")
    assert status == 0
    content = json.loads(out)
    assert content["modalities"]["text"]["longest"] == pytest.approx(3)
    assert [content["modalities"][name]["unit"] for name in ("text", "image", "tones")] == [False, True, None]
    assert content["modalities"]["tones"]["missing"] == 40
    assert content["media"] == {"media": {"named": 2, "found": 1}}
    status, out, _ = run("validate", tmp_path / "set")
    assert "media: media, 1 of 2 files found" in out
    assert "0.9999" not in out
    assert "1 to 3 (not unit)" in out
    assert "none present" in out


@pytest.mark.parametrize("command", ["validate", "convert"])
def test_a_file_is_refused_without_torch(command, tmp_path):
    (tmp_path / "a.mat").write_bytes(b"junk" * 99)
    argv = [command, str(tmp_path / "a.mat"), *([str(tmp_path / "out")] if command == "convert" else [])]
    code = f"import sys; from gram.cli import main; print(main({argv!r}), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
    assert "is no .mat file of version 5 or 7.3" in done.stderr


def test_a_name_that_is_not_utf_8_is_printed(tmp_path):
    np.save(tmp_path / "a\udcff.npy", np.eye(3, 4, dtype=np.float32))
    command = [sys.executable, "-m", "gram", "validate", str(tmp_path / "a\udcff.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "a\\udcff.npy: NumPy array (.npy), 3 items" in done.stdout
