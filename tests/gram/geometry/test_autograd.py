"""Closed-form gradients, beside finite differences; saved and recomputed products give the same."""

import pytest
import torch

from gram.geometry.autograd import BaseAndHeight, PairedHeight, PairwiseVolume, Volume, candidate_blocks


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("logarithm", [False, True])
def test_volumes(logarithm):
    assert torch.autograd.gradcheck(lambda rows: Volume.apply(rows, logarithm), random(5, 3, 6))


def test_paired_heights():
    assert torch.autograd.gradcheck(PairedHeight.apply, (random(5, 6), random(5, 2, 6, seed=1)))


@pytest.mark.parametrize("most", [0, 1 << 28])
@pytest.mark.parametrize("function", [BaseAndHeight, PairwiseVolume])
def test_all_pairs(function, most, monkeypatch):
    monkeypatch.setattr("gram.geometry.autograd._MAX_SAVED", most)
    vectors = (random(4, 7), random(5, 7, seed=1), random(5, 7, seed=2))
    assert torch.autograd.gradcheck(lambda *given: function.apply(True, *given), vectors)


def test_saved_and_recomputed_products_give_equal_gradients(monkeypatch):
    gradients = []
    for most in (0, 1 << 28):
        monkeypatch.setattr("gram.geometry.autograd._MAX_SAVED", most)
        vectors = [random(30, 16), random(40, 16, seed=1), random(40, 16, seed=2)]
        PairwiseVolume.apply(True, *vectors).square().sum().backward()
        gradients.append([each.grad for each in vectors])
    torch.testing.assert_close(*gradients)


def test_a_second_derivative_is_an_error_not_a_zero():
    rows = random(3, 2, 4)
    (first,) = torch.autograd.grad(Volume.apply(rows, False).sum(), rows, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_dependent_rows_have_gradient_zero():
    rows = torch.ones(1, 2, 3, dtype=torch.float64, requires_grad=True)
    Volume.apply(rows, False).sum().backward()
    assert torch.equal(rows.grad, torch.zeros(1, 2, 3, dtype=torch.float64))


def test_candidate_blocks_cover_all_and_are_larger_where_products_are_saved():
    anchor = torch.zeros(100_000, 8)
    small, large = (candidate_blocks(anchor, 2, 5000, whole=whole) for whole in (False, True))
    assert [number for block in small for number in range(5000)[block]] == list(range(5000))
    assert len(large) <= len(small)
