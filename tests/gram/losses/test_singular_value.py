"""The loss of the largest singular value."""

import torch

import gram
import gram.losses.singular_value
import gram.losses.triangle
from tests.helpers.oracle import draw


def test_an_anchor_with_no_part_in_the_largest_singular_value_has_no_gradient_but_the_others_do() -> None:
    anchor = torch.eye(4, dtype=torch.float64)[2:]
    first, second = torch.tensor([[1.0, 0, 0, 0], [1, 2, 0, 0]], dtype=torch.float64).unsqueeze(1).expand(2, 2, 4)
    inputs = [rows.clone().requires_grad_() for rows in (anchor, first, second)]
    weights = draw(20, 2, 2)
    assert torch.autograd.gradcheck(lambda *rows: (weights * gram.losses.singular_value._largest(*rows)).sum(), inputs)
