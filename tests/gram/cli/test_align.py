"""`gram align`, as a person runs it."""

from pathlib import Path

import pytest

from gram.cli import main
from gram.data.embedding_set import EmbeddingSet
from gram.losses import LOSSES


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


def test_a_loss_that_is_none_is_wrong_usage(features: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["align", str(features), "--out", str(tmp_path / "out"), "--loss", "mse"]) == 2
    assert "loss must be one of gram, cosine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_names_every_loss(capsys: pytest.CaptureFixture):
    assert main(["align", "--help"]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert ",".join(LOSSES) in said
