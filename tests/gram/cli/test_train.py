import json
import sys
from pathlib import Path

import pytest
import torch

import gram
from gram.cli import main
from gram.datasets.spoken_numbers import numbers_of
from gram.models import ModelConfig, MultimodalModel, save_model
from gram.training.spoken_numbers import pool
from gram.training.spoken_numbers.embedding import split_items


@pytest.fixture(autouse=True)
def _few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "numbers_of", lambda split: numbers_of(split)[:16])
    for module in ("gram.training.spoken_numbers.embedding", "gram.training.spoken_numbers.train"):
        monkeypatch.setattr(f"{module}.split_items", lambda split: split_items(split).iloc[:8])
    torch.set_num_threads(1)


def train(out: Path, *extra: str) -> int:
    sizes = ["--steps", "2", "--batch-size", "8", "--renderings", "1", "--d", "8", "--device", "cpu"]
    return main(["train", "--loss", "gram", "--out", str(out), "--recordings", str(out / "none"), *sizes, *extra])


def test_training_writes_model_test_set_and_trajectory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run", "--json") == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert (found["loss"], found["steps"], found["voices"]) == ("gram", 2, [])
    assert "training" in printed.err
    made = gram.EmbeddingSet.load(tmp_path / "run" / "test")
    assert made.info["model"] == "gram"
    assert all(vectors.shape == (8, 8) and vectors.dtype == torch.float16 for vectors in made.modalities.values())
    assert (tmp_path / "run" / "trajectory" / "step-000002").is_dir()


def test_embedding_takes_a_model_and_a_number_of_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(MultimodalModel(ModelConfig(d=8), info={"loss": "cosine"}), tmp_path / "model")
    status = main(["embed", "--model", str(tmp_path / "model"), "--out", str(tmp_path / "set"), "--items", "5"])
    assert status == 0
    assert "5 items" in capsys.readouterr().out
    made = gram.EmbeddingSet.load(tmp_path / "set")
    assert len(made) == 5
    assert made.info["model"] == "cosine"


def test_what_cannot_be_done_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run", "--batch-size", "99") == 1
    assert "batch_size must be at most the 16 numbers; got 99" in capsys.readouterr().err.splitlines()[-1]
    assert main(["embed", "--model", str(tmp_path / "nothing"), "--out", str(tmp_path / "set")]) == 1
    assert "config.json: missing" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "set").exists()


def test_an_unknown_loss_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        sys.exit(main(["train", "--loss", "mse", "--out", str(tmp_path)]))
    assert stopped.value.code == 2
    assert "invalid choice: 'mse'" in capsys.readouterr().err
