import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gram
from gram.datasets.spoken_numbers import MODALITIES
from gram.models import MultimodalModel, load_model
from gram.training.spoken_numbers.train import train
from gram.training.trainer import Trainer
from tests.helpers.quick_training import QUICK


def weights(model: MultimodalModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("loss", ["gram", "cosine"])
def test_a_run_writes_a_model_a_trajectory_and_a_log(tmp_path: Path, loss: str) -> None:
    seen = []
    trained = train(replace(QUICK, loss=loss), tmp_path, device="cpu", progress=lambda *line: seen.append(line))
    loaded = load_model(tmp_path / "model", device="cpu")
    assert torch.equal(weights(loaded), weights(trained))
    assert {key: loaded.info[key] for key in ("loss", "steps", "seed")} == {"loss": loss, "steps": 4, "seed": 3}
    steps = sorted(path.name for path in (tmp_path / "trajectory").iterdir())
    assert steps == ["step-000000", "step-000001", "step-000004"]
    last = gram.EmbeddingSet.load(tmp_path / "trajectory" / "step-000004")
    assert list(last.modalities) == list(MODALITIES)
    assert last.info["step"] == 4
    assert all(vectors.shape == (6, 8) for vectors in last.modalities.values())
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 4]
    assert all(0 <= line["volume_r1"] <= 1 for line in log)
    assert not (tmp_path / "state.pt").exists()
    assert {stage.partition(":")[0] for _, stage in seen} == {"rendering", "training"}
    assert "temperature" in seen[-1][1]
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert seen[-1][0] == 1


@pytest.mark.parametrize("loss", ["singular", "pmrl", "symile", "all-pairs"])
def test_a_rival_trains_in_its_place_and_is_judged_by_its_own_measure(tmp_path: Path, loss: str) -> None:
    stages: list[str] = []
    train(replace(QUICK, loss=loss), tmp_path, device="cpu", progress=lambda share, stage: stages.append(stage))
    own = {"singular": "singular", "pmrl": "singular", "symile": "symile", "all-pairs": "cosine"}[loss]
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    shown = [f"R@1 {100 * line[f'{own}_r1']:.1f} %" for line in log]
    assert [stage.split(", ")[-1] for stage in (stages[-3], stages[-1])] == shown
    assert load_model(tmp_path / "model", device="cpu").info["loss"] == loss


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (
        weights(train(replace(QUICK, seed=seed), tmp_path / name, device="cpu"))
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_loss_falls(tmp_path: Path) -> None:
    losses: list[float] = []

    def keep(trainer: Trainer) -> None:
        if trainer.step:
            losses.append(trainer.last_loss)

    train(replace(QUICK, steps=30, batch_size=24), tmp_path, device="cpu", callbacks=[keep])
    assert len(losses) == 30
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole = train(QUICK, tmp_path / "whole", device="cpu")

    def stop(trainer: Trainer) -> None:
        if trainer.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(QUICK, tmp_path / "stopped", device="cpu", callbacks=[stop])
    resumed = train(QUICK, tmp_path / "stopped", device="cpu", resume=True)
    assert torch.equal(weights(whole), weights(resumed))
    with pytest.raises(KeyboardInterrupt):
        train(QUICK, tmp_path / "other", device="cpu", callbacks=[stop])
    with pytest.raises(ValueError, match="state of a run with other settings"):
        train(replace(QUICK, learning_rate=1.0), tmp_path / "other", device="cpu", resume=True)


def test_a_robust_run_hears_every_step_anew_and_still_repeats(tmp_path: Path) -> None:
    plain, robust, again = (
        weights(train(replace(QUICK, robust=setting), tmp_path / name, device="cpu"))
        for name, setting in (("plain", False), ("robust", True), ("again", True))
    )
    assert torch.equal(robust, again)
    assert not torch.equal(plain, robust)
    assert load_model(tmp_path / "robust" / "model", device="cpu").info["robust"] is True
