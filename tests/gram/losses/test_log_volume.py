"""The loss of the volume's logarithm."""

import math

import torch
from torch.nn.functional import normalize

from gram.losses import (
    log_volume_loss,
)


def test_the_floor_of_the_log_volume_holds_value_and_slope() -> None:
    step = torch.finfo(torch.float32).eps ** 0.5
    slopes = {}
    for angle in (0.0, 0.01 * step, step, 100 * step):
        anchor = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
        turned = normalize(anchor + torch.tensor([[0, 0, angle], [0, 0, 0]]), dim=-1).requires_grad_()
        loss = log_volume_loss(turned, anchor, temperature=1.0, label_smoothing=0.0)
        loss.backward()
        assert 0 <= loss.item() < 0.1
        slopes[angle] = turned.grad[0, 2].item() / (1 - math.exp(-loss.item()))
    assert slopes[0.0] == 0
    assert max(slopes.values()) == slopes[step] < 1 / step
    assert 0 < slopes[0.01 * step] < 0.05 * slopes[step]
