"""The Symile loss."""

import torch

from gram.losses import (
    SymileLoss,
)
from tests.helpers.oracle import draw


def test_the_permutations_of_a_module_repeat_and_are_part_of_its_state() -> None:
    vectors = draw(14, 3, 8, 6)
    first, again, other = SymileLoss(seed=1), SymileLoss(seed=1), SymileLoss(seed=2)
    values = [first(*vectors).item() for _ in range(4)]
    assert len(set(values)) == 4
    assert [again(*vectors).item() for _ in range(2)] == values[:2]
    other.load_state_dict(again.state_dict())
    assert other(*vectors).item() not in values
    resumed = SymileLoss(seed=1)
    resumed.load_state_dict(again.state_dict())
    assert [resumed(*vectors).item() for _ in range(2)] == values[2:]
    before = torch.get_rng_state()
    first(*vectors)
    assert torch.equal(torch.get_rng_state(), before)
