"""`python -m gram align` and `apply`, as a person runs them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gram.cli import main
from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.losses import LOSSES


@pytest.fixture
def features(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 5))
    views = {name: (hidden @ rng.normal(size=(5, d))).astype(np.float32) for name, d in (("text", 7), ("video", 12))}
    FeatureSet(views, pd.DataFrame({"id": range(200)})).save(tmp_path / "in")
    return tmp_path / "in"


def test_both_losses_are_trained_and_told(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    command = ["align", str(features), "--out", str(tmp_path / "out"), "--loss", "gram,cosine", "--d", "8"]
    assert main([*command, "--steps", "80", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "R@1 of 40 held-out items" in said
    for loss in ("gram", "cosine"):
        assert loss in said
        for part, n in (("test", 40), ("all", 200)):
            made = EmbeddingSet.load(tmp_path / "out" / loss / part)
            assert (len(made), made.d, made.names) == (n, 8, ["text", "video"])


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


def test_a_loss_that_is_none_is_wrong_usage(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["align", str(features), "--out", str(tmp_path / "out"), "--loss", "mse"]) == 2
    assert "loss must be one of gram, cosine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_heads_that_are_not_there_are_said_in_one_line(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["apply", str(tmp_path / "nowhere"), str(features), "--out", str(tmp_path / "new")]) == 1
    said = capsys.readouterr().err
    assert "missing; heads are a folder with" in said
    assert said.count("\n") == 1


def test_the_help_names_every_loss(capsys: pytest.CaptureFixture):
    assert main(["align", "--help"]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert ",".join(LOSSES) in said
