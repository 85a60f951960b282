"""`gram apply`, as a person runs it."""

import json
from pathlib import Path

import numpy as np
import pytest

from gram.cli import main
from gram.data.embedding_set import EmbeddingSet


def test_heads_are_applied_to_new_features(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    main(
        [
            "align",
            str(features),
            "--out",
            str(tmp_path / "out"),
            "--steps",
            "5",
            "--d",
            "4",
            "--device",
            "cpu",
            "--json",
        ]
    )
    told = json.loads(capsys.readouterr().out)
    assert told["held_out"] == 40
    assert [each["loss"] for each in told["heads"]] == ["gram"]
    heads = tmp_path / "out" / "gram" / "model"
    assert main(["apply", str(heads), str(features), "--out", str(tmp_path / "new"), "--device", "cpu"]) == 0
    first, again = (EmbeddingSet.load(folder) for folder in (tmp_path / "out" / "gram" / "all", tmp_path / "new"))
    for name in first.names:
        np.testing.assert_array_equal(first.modalities[name].numpy(), again.modalities[name].numpy())


def test_heads_that_are_not_there_are_said_in_one_line(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["apply", str(tmp_path / "nowhere"), str(features), "--out", str(tmp_path / "new")]) == 1
    said = capsys.readouterr().err
    assert "missing; heads are a folder with" in said
    assert said.count("\n") == 1
