"""PMRL's two terms."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from gram.losses import (
    PMRLLoss,
    pmrl_loss,
)
from tests.helpers.loss_calls import SETTINGS
from tests.helpers.loss_oracle import pmrl
from tests.helpers.oracle import draw


def test_the_second_temperature_follows_its_definition() -> None:
    vectors = draw(1, 3, 5, 8)
    found = pmrl_loss(*vectors, temperature=0.2, label_smoothing=0.0, singular_temperature=0.7)
    assert found.item() == pytest.approx(pmrl(vectors.numpy(), 0.2, 0.0, 0.7))
    module = PMRLLoss(0.2, label_smoothing=0.0, singular_temperature=0.7)
    assert module(*vectors).item() == pytest.approx(found.item())
    assert "singular_temperature=0.7" in repr(module)


def test_singular_values_that_are_only_rounding_pull_at_nothing() -> None:
    one = normalize(draw(18, 2, 2, 8), dim=-1)[0].float()
    nearly = one * (1 + torch.finfo(torch.float32).eps * draw(19, 2, 8).sign().float())
    inputs = [each[:1].clone().requires_grad_() for each in (one, nearly)]
    pmrl_loss(*inputs, singular_temperature=1.0).backward()
    assert all(each.grad.abs().max() < 1e-6 for each in inputs)


def test_a_missing_modality_is_no_singular_value_of_0() -> None:
    vectors = draw(21, 3, 6, 8)
    vectors[1, 2] = torch.nan
    found = pmrl_loss(*vectors, **SETTINGS, singular_temperature=1.0)
    assert found.item() == pytest.approx(pmrl(vectors.numpy(), 0.3, 0.1, 1.0), rel=1e-9)


def test_a_second_temperature_out_of_range_is_named() -> None:
    vectors = draw(16, 4, 4, 6)
    for temperature in (0, math.inf, math.nan):
        with pytest.raises(ValueError, match="singular_temperature: expected a number above 0"):
            pmrl_loss(*vectors, singular_temperature=temperature)
        with pytest.raises(ValueError, match="singular_temperature: expected a number above 0"):
            PMRLLoss(singular_temperature=temperature)
