import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gram
from gram.cli.train import add_arguments
from gram.datasets.spoken_numbers import MODALITIES, numbers_of
from gram.losses import LOSSES
from gram.models import ModelConfig, MultimodalModel, load_model
from gram.training.spoken_numbers import pool as pool_module
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import embed_items, embed_many, half_precision, split_items
from gram.training.spoken_numbers.pool import TrainingPool, render_pool
from gram.training.spoken_numbers.train import train
from gram.training.trainer import Schedule, Trainer

SMALL = ModelConfig(d=8, text_width=8, image_channels=4, audio_channels=8, audio_width=8)
QUICK = TrainingConfig(
    steps=4, batch_size=8, renderings=2, evaluations=2, checkpoints=3, trajectory_items=6, model=SMALL, seed=3
)


@pytest.fixture(autouse=True)
def _few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on 24 numbers and rank 12, so that a run takes a second."""
    monkeypatch.setattr(pool_module, "numbers_of", lambda split: numbers_of(split)[:24])
    monkeypatch.setattr("gram.training.spoken_numbers.train.split_items", lambda split: split_items(split).iloc[:12])
    torch.set_num_threads(1)


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


def test_losses_to_train_with_are_those_defined_for_four_modalities() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    offered = next(action.choices for action in parser._actions if action.dest == "loss")
    assert [name for name in LOSSES if name not in offered] == ["triangle"]
    with pytest.raises(ValueError, match=r"loss must be one of gram, cosine, .*; got 'triangle'"):
        TrainingConfig(loss="triangle")
    assert TrainingConfig().loss == "gram"


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=0.05)
    factors = [schedule.lr_factor(step) for step in range(100)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert factors[-1] == pytest.approx(0)
    assert factors[52] == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.48 / 0.95)))


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


def test_a_robust_pool_goes_up_to_no_noise_and_varies_its_clips() -> None:
    model = MultimodalModel(SMALL)
    plain, robust = (render_pool(model, renderings=1, seed=5, robust=setting) for setting in (False, True))
    rows = np.arange(8)
    first, later = (robust.batch(rows, torch.device("cpu"), step=step, varied=1.0)["speech"].lengths for step in (0, 1))
    assert first.tolist() != later.tolist()
    assert torch.equal(plain.batch(rows, torch.device("cpu"), step=0)["speech"].values,
                       plain.batch(rows, torch.device("cpu"), step=1)["speech"].values)  # fmt: skip
    assert pool_module.CORRUPTION.speech_snr[1] > 30


def test_variation_comes_in_by_and_by() -> None:
    robust, plain = TrainingConfig(steps=100, robust=True), TrainingConfig(steps=100)
    shares = [robust.share_varied(step) for step in range(100)]
    assert shares[:10] == [0.0] * 10
    assert shares == sorted(shares)
    assert shares[60:] == [shares[-1]] * 40
    assert 0.5 < shares[-1] < 1
    assert {plain.share_varied(step) for step in range(100)} == {0.0}


def test_a_batch_never_holds_a_number_twice_and_an_epoch_holds_each_once() -> None:
    pool = TrainingPool({"text": list(torch.arange(72)[:, None])}, numbers=24, seed=0)
    batches = [pool.rows(step, 8) for step in range(3)]
    assert sorted(np.concatenate(batches) % 24) == list(range(24))
    assert pool.renderings == 3
    assert not np.array_equal(pool.rows(0, 8) % 24, pool.rows(3, 8) % 24)
    with pytest.raises(ValueError, match="batch_size must be at most the 24 numbers"):
        pool.rows(0, 25)


def test_rendering_in_processes_gives_the_same_pool() -> None:
    model = MultimodalModel(SMALL)
    alone, together = (render_pool(model, renderings=1, seed=5, processes=count) for count in (1, 2))
    for name in MODALITIES:
        assert len(alone.examples[name]) == 24
        assert all(torch.equal(a, b) for a, b in zip(alone.examples[name], together.examples[name], strict=True))


def test_embedding_renders_each_item_and_keeps_its_recipe() -> None:
    torch.manual_seed(0)
    model = MultimodalModel(SMALL).eval()
    items = split_items("test").iloc[:5]
    embedded = embed_items(model, items, info={"model": "gram"})
    assert list(embedded.items["id"]) == list(items["id"])
    torch.testing.assert_close(embedded.modalities["text"], model.encode("text", list(items["words"])))
    halves = half_precision(embedded)
    assert all(vectors.dtype == torch.float16 for vectors in halves.modalities.values())
    assert halves.info["model"] == "gram"


@pytest.fixture
def ten_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a split ten numbers long, so that 25 items are three rounds."""
    monkeypatch.setattr("gram.training.spoken_numbers.embedding.numbers_of", lambda split: numbers_of(split)[:10])


def test_more_items_than_numbers_come_again_in_another_guise(tmp_path: Path, ten_numbers: None) -> None:
    torch.manual_seed(0)
    model = MultimodalModel(SMALL).eval()
    seen: list[tuple[float, str]] = []
    embedded = embed_many(
        model, 25, tmp_path / "set", processes=1, info={"model": "gram"}, progress=lambda *line: seen.append(line)
    )
    numbers, items = sorted(numbers_of("test")[:10]), embedded.items
    assert items["id"].is_unique
    assert sorted(items["id"][:10]) == sorted(items["label"][:10]) == sorted(items["label"][10:20]) == numbers
    assert all(items["id"][10:] == [f"{number}-{2 + (row >= 10)}" for row, number in enumerate(items["label"][10:])])
    assert list(items["label"][:10]) != list(items["label"][10:20])
    for number in numbers:
        guises = items[items["label"] == number]
        assert guises["seed"].nunique() == len(guises)
    assert all(len(set(map(tuple, items[name]))) > 20 for name in ("handwriting", "speech_gaps"))
    assert seen[-1][0] == 1
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    stored = gram.EmbeddingSet.load(tmp_path / "set")
    assert stored.info["model"] == "gram"
    assert "maker" not in stored.info
    assert not (tmp_path / "set" / ".rounds").exists()
    for name, raw in pool_module.raw_inputs(items.iloc[23].to_dict()).items():
        torch.testing.assert_close(stored.modalities[name][23], model.encode(name, [raw])[0])
    first = embed_items(model, split_items("test").iloc[:10], processes=2)
    torch.testing.assert_close(stored.modalities["speech"][:10], first.modalities["speech"])
    other = embed_many(model, 25, tmp_path / "other", processes=1, seed=1, half=True)
    assert other.modalities["image"].dtype == torch.float16
    assert list(other.items["seed"][:10]) == list(items["seed"][:10])
    assert not set(other.items["seed"][10:]) & set(items["seed"])


def test_a_stopped_embedding_goes_on_after_its_last_round(
    tmp_path: Path, ten_numbers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MultimodalModel(SMALL).eval()
    expected = embed_many(model, 25, tmp_path / "whole", processes=1)
    rendered = []
    render = pool_module.raw_inputs

    def stop_at(last: int) -> None:
        def counted(item: dict, voices: dict | None = None) -> dict:
            rendered.append(item["id"])
            if len(rendered) == last:
                raise KeyboardInterrupt
            return render(item, voices)

        monkeypatch.setattr(pool_module, "raw_inputs", counted)

    stop_at(14)
    with pytest.raises(KeyboardInterrupt):
        embed_many(model, 25, tmp_path / "set", processes=1)
    rendered.clear()
    stop_at(0)
    again = embed_many(model, 25, tmp_path / "set", processes=1)
    assert rendered == list(expected.items["id"][10:])
    for name in MODALITIES:
        assert torch.equal(again.modalities[name], expected.modalities[name])
    rendered.clear()
    stop_at(12)
    with pytest.raises(KeyboardInterrupt):
        embed_many(model, 25, tmp_path / "set", processes=1)
    rendered.clear()
    stop_at(0)
    embed_many(MultimodalModel(SMALL).eval(), 25, tmp_path / "set", processes=1)  # another model begins anew
    assert len(rendered) == 25


def test_an_embedding_that_cannot_be_made_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(gram.EmbeddingSetError, match="is not an embedding set and not empty, so nothing was written"):
        embed_many(MultimodalModel(SMALL), 3, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(ValueError, match="count must be at least 1; got 0"):
        embed_many(MultimodalModel(SMALL), 0, tmp_path / "new")
    with pytest.raises(ValueError, match="split must be validation or test; got 'train'"):
        embed_many(MultimodalModel(SMALL), 3, tmp_path / "new", split="train")


def test_the_test_set_is_2000_numbers_always_in_the_same_order() -> None:
    items = split_items("test")
    assert items["id"].nunique() == 2000
    assert list(items["id"]) == list(split_items("test")["id"])
    assert not set(items["id"]) & set(split_items("validation")["id"])
    with pytest.raises(ValueError, match="split must be validation or test"):
        split_items("train")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"loss": "mse"}, "loss must be one of gram, cosine"), ({"steps": 0}, "steps must be at least 1; got 0")],
)
def test_settings_that_make_no_sense_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **change)


def test_the_trajectory_starts_untrained_ends_trained_and_is_denser_early() -> None:
    steps = TrainingConfig(steps=1500).checkpoint_steps()
    assert len(steps) == 12
    assert (steps[0], steps[-1]) == (0, 1500)
    assert (np.diff(steps, n=2) >= 0).all()
