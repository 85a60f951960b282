"""How everything is trained here: AdamW, a learning rate that warms up and falls, gradients of length 1 at most."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_LONGEST_STEP = 1.0


def optimizer_of(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW over parameters, with weight decay on matrices alone."""
    known = list(parameters)
    decayed, plain = [p for p in known if p.ndim > 1], [p for p in known if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate)


def lr_factor(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate's factor at a step, counted from 0: linear warm-up, then half a cosine to zero."""
    share = (step + 1) / steps
    if share < warmup:
        return share / warmup
    return 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup)))


def optimizer_step(
    clipped: Iterable[nn.Parameter], loss: Tensor, optimizer: torch.optim.Optimizer, learning_rate: float
) -> None:
    """Take one step down a loss at a learning rate, the gradient of the clipped parameters no longer than 1."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(clipped, _LONGEST_STEP)
    optimizer.step()
