"""Settings of a run: what is refused, and what happens at which step."""

import argparse
from dataclasses import replace

import numpy as np
import pytest

from gram.cli.train import add_arguments
from gram.losses import LOSSES
from gram.training.spoken_numbers.config import TrainingConfig
from tests.helpers.quick_training import QUICK


def test_losses_to_train_with_are_those_defined_for_four_modalities() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    offered = next(action.choices for action in parser._actions if action.dest == "loss")
    assert [name for name in LOSSES if name not in offered] == ["triangle"]
    with pytest.raises(ValueError, match=r"loss must be one of gram, cosine, .*; got 'triangle'"):
        TrainingConfig(loss="triangle")
    assert TrainingConfig().loss == "gram"


def test_variation_comes_in_by_and_by() -> None:
    robust, plain = TrainingConfig(steps=100, robust=True), TrainingConfig(steps=100)
    shares = [robust.share_varied(step) for step in range(100)]
    assert shares[:10] == [0.0] * 10
    assert shares == sorted(shares)
    assert shares[60:] == [shares[-1]] * 40
    assert 0.5 < shares[-1] < 1
    assert {plain.share_varied(step) for step in range(100)} == {0.0}


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
