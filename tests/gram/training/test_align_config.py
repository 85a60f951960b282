"""Settings of an alignment: ranges, and the part of the heads."""

from dataclasses import asdict

import pytest

from gram.models.heads import HeadsConfig
from gram.training.align_config import AlignConfig


@pytest.mark.parametrize(("setting", "value"), [
    ("loss", "mse"), ("head", "tree"), ("d", 0), ("steps", 0), ("batch_size", 1), ("held_out", 1.0),
    ("temperature", 0.0), ("learning_rate", 0.0),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(setting: str, value: object):
    with pytest.raises(ValueError, match=setting):
        AlignConfig(**{setting: value})


def test_the_heads_and_their_training_are_told_apart():
    config = AlignConfig(loss="cosine", d=8, head="mlp", hidden=5, steps=7)
    assert config.heads == HeadsConfig(d=8, head="mlp", hidden=5)
    assert set(config.training) | {"d", "head", "hidden"} == set(asdict(config))
    assert (config.training["steps"], config.measure) == (7, "cosine")
