"""The loss of the triangle's area."""

import pytest
import torch
from torch.nn.functional import normalize

import gram
import gram.losses.singular_value
import gram.losses.triangle
from gram.losses import (
    triangle_loss,
)
from tests.helpers.oracle import draw


def test_the_gradient_of_an_area_is_right_next_to_0() -> None:
    start, end = draw(4, 2, 3, 6)
    anchor = normalize(start, dim=-1) + 1e-4 * draw(5, 3, 6)
    inputs = [rows.clone().requires_grad_() for rows in (anchor, start, end)]
    assert torch.autograd.gradcheck(triangle_loss, inputs, eps=1e-9, atol=1e-4)


def test_areas_that_are_only_rounding_pull_at_nothing() -> None:
    one, other = normalize(draw(18, 2, 2, 8), dim=-1).float()
    nearly = one * (1 + torch.finfo(torch.float32).eps * draw(19, 2, 8).sign().float())
    assert not torch.equal(one, nearly)
    for rows in ((one, nearly, other), (one, other, nearly), (other, one, nearly)):
        inputs = [each.clone().requires_grad_() for each in rows]
        areas = gram.losses.triangle._areas(*inputs).diagonal()
        areas.sum().backward()
        assert not areas.any()
        assert not any(each.grad.any() for each in inputs)


def test_a_triangle_needs_two_others() -> None:
    vectors = draw(16, 4, 4, 6)
    for wrong in (vectors, vectors[:2]):
        with pytest.raises(ValueError, match="others: a triangle needs two beside the anchor, got"):
            triangle_loss(*wrong)
