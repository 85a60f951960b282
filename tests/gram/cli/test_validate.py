"""`gram validate`: what is in a set, as text and as JSON."""

import json

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
