"""The three users of the one loop: their first losses are what three loops of their own once gave."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gram.datasets.digit_views import digit_views
from gram.datasets.spoken_numbers import numbers_of
from gram.errors import GramError
from gram.experiments.config import BUDGETS, RunConfig
from gram.experiments.data import Data, prepare_data
from gram.experiments.train import train_run
from gram.models import ModelConfig
from gram.training.align import align
from gram.training.align_config import AlignConfig
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import split_items
from gram.training.spoken_numbers.train import train
from gram.training.trainer import Callback, Schedule, Trainer, read_state

# Kernels of processors differ by 2e-6 after four steps; on one machine the losses were the same to 1e-7.
SAME = {"rel": 1e-5}


SCALE = replace(BUDGETS["quick"], numbers=24, validation=8, test=8, steps=4, batch=12, checkpoints=2)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(("loss", "expected"), [
    ("gram", [3.3693618774, 3.5277419090, 2.9558448792, 2.7526831627]),
    ("cosine", [4.2149658203, 3.2186176777, 2.8872776031, 3.2213461399]),
])  # fmt: skip
def test_the_built_in_model_learns_as_before(
    loss: str, expected: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gram.training.spoken_numbers.pool.numbers_of", lambda split: numbers_of(split)[:24])
    monkeypatch.setattr("gram.training.spoken_numbers.train.split_items", lambda split: split_items(split).iloc[:8])
    config = TrainingConfig(
        loss=loss, steps=4, batch_size=12, renderings=2, evaluations=1, checkpoints=1, trajectory_items=4,
        learning_rate=1e-3, robust=True, seed=3,
        model=ModelConfig(d=8, text_width=8, image_channels=4, audio_channels=8, audio_width=8),
    )  # fmt: skip
    losses: list[float] = []

    def keep(trainer: Trainer) -> None:
        if trainer.step:
            losses.append(trainer.last_loss)

    train(config, tmp_path, device="cpu", callbacks=[keep])
    assert losses == pytest.approx(expected, **SAME)


@pytest.mark.parametrize(("loss", "head", "expected", "recall"), [
    ("gram", "linear", [4.9536771774, 4.8059506416, 5.1660051346, 4.6347651482], 1 / 60),
    ("cosine", "mlp", [8.1524763107, 5.2561526299, 4.2453527451, 3.7006516457], 23 / 60),
])  # fmt: skip
def test_heads_learn_as_before(loss: str, head: str, expected: list[float], recall: float) -> None:
    config = AlignConfig(loss=loss, head=head, d=16, steps=4, batch_size=64, evaluations=4)
    made = align(digit_views().subset(slice(0, 300)), config, device="cpu")
    assert made.history["loss"].tolist() == pytest.approx(expected, **SAME)
    assert made.history["recall"].iloc[-1] == pytest.approx(recall)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return prepare_data(tmp_path_factory.mktemp("items"), SCALE, processes=1)


@pytest.mark.parametrize(("run", "expected"), [
    (RunConfig("gram", 0), [2.6751198769, 2.7250428200, 2.5922954082, 2.6708016396]),
    (RunConfig("cosine", 1, degradation="missing-30"), [2.9370491505, 2.3418560028, 2.0127496719, 1.9056295156]),
    (RunConfig("gram", 1, matching=True), [2.8668432236, 2.9222259521, 2.5231752396, 2.4870355129]),
    (RunConfig("gram", 2, degradation="noisy", text="mixed", temperature=0.1),
     [2.5268743038, 2.7108693123, 2.6145596504, 2.5844101906]),
    (RunConfig("symile", 0, ("text", "image"), degradation="narrow"),
     [5.4981312752, 2.8456308842, 2.5241444111, 2.5154936314]),
], ids=str)  # fmt: skip
def test_runs_of_experiments_learn_as_before(run: RunConfig, expected: list[float], data: Data) -> None:
    assert list(train_run(run, SCALE, data).losses) == pytest.approx(expected, **SAME)


class Scale(torch.nn.Module):
    """Vectors of a batch, scaled."""

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor([[value]]))

    def forward(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"text": self.value * batch}


class Square(torch.nn.Module):
    """Mean square, with a temperature that every loss has."""

    temperature = torch.tensor(0.5)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return vectors.square().mean()


def trainer(model: Scale, *callbacks: Callback, steps: int = 6) -> Trainer:
    return Trainer(
        model, Square(), lambda step: torch.full((2, 1), 1.0 + step), Schedule(steps=steps, learning_rate=0.1),
        callbacks=callbacks,
    )  # fmt: skip


def test_callbacks_come_before_the_first_step_and_after_each_until_one_stops() -> None:
    seen: list[tuple[int, float]] = []

    def watch(made: Trainer) -> None:
        seen.append((made.step, made.last_loss))
        if made.step == 3:
            made.stop()

    trainer(Scale(), watch).fit()
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    assert math.isnan(seen[0][1])
    assert seen[1][1] == pytest.approx(1.0)


def test_a_resumed_training_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole, part, rest = Scale(), Scale(), Scale(9.0)
    trainer(whole).fit()

    def save(made: Trainer) -> None:
        if made.step == 2:
            made.save_state(tmp_path / "state.pt", "a")
            made.stop()

    trainer(part, save).fit()
    resumed = trainer(rest)
    resumed.load_state(read_state(tmp_path / "state.pt", "a", torch.device("cpu")))
    resumed.fit()
    assert resumed.step == 6
    assert torch.equal(rest.value, whole.value)
    with pytest.raises(ValueError, match="the state of a run with other settings"):
        read_state(tmp_path / "state.pt", "b", torch.device("cpu"))


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    with pytest.raises(GramError, match="the loss is not finite at step 1: take a lower learning rate"):
        trainer(Scale(math.nan)).fit()


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup=0.05)
    factors = [schedule.lr_factor(step) for step in range(100)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert factors[-1] == pytest.approx(0)
    assert factors[52] == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.48 / 0.95)))
