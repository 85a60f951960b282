"""Every rival of the GRAM loss against a loop in numpy, and where it is degenerate, turned, or lacks a modality."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import gram
import gram.losses.singular_value
import gram.losses.triangle
from gram.losses import (
    LOSSES,
    MEASURES,
    GramPairwiseLoss,
    PairwiseInfoNCE,
    PMRLLoss,
    SymileLoss,
    all_pairs_info_nce,
    gram_loss,
    gram_pairwise_loss,
    log_volume_loss,
    pairwise_info_nce,
    pmrl_loss,
    singular_loss,
    symile_loss,
    triangle_loss,
)
from tests.helpers.loss_oracle import ORACLES, gram_and_pairwise, pmrl
from tests.helpers.oracle import draw

FUNCTIONS = {
    "all-pairs": all_pairs_info_nce,
    "gram-cosine": gram_pairwise_loss,
    "log-volume": log_volume_loss,
    "triangle": triangle_loss,
    "singular": singular_loss,
    "pmrl": pmrl_loss,
    "symile": symile_loss,
}
NAMES = list(FUNCTIONS)
FITTING = [(name, k) for name in NAMES for k in (2, 3, 4) if name != "triangle" or k == 3]
SETTINGS = {"temperature": 0.3, "label_smoothing": 0.1}


def call(name: str, vectors: torch.Tensor, **settings) -> torch.Tensor:
    """Return the loss, with Symile's permutations those of seed 0."""
    if name == "symile":
        settings["generator"] = torch.Generator().manual_seed(0)
    return FUNCTIONS[name](*vectors, **settings)


def modalities(name: str, otherwise: int) -> int:
    return LOSSES[name].modalities or otherwise


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(("name", "k"), FITTING)
def test_a_loss_follows_its_definition(name: str, k: int, smoothing: float) -> None:
    vectors = draw(k, k, 6, 8)
    found = call(name, vectors, temperature=0.5, label_smoothing=smoothing)
    assert found.item() == pytest.approx(ORACLES[name](vectors.numpy(), 0.5, smoothing), rel=1e-9)


def test_weights_and_second_temperatures_follow_their_definition() -> None:
    vectors = draw(1, 3, 5, 8)
    for weight in (0, 0.25):
        found = gram_pairwise_loss(*vectors, temperature=0.2, label_smoothing=0.1, pairwise_weight=weight)
        assert found.item() == pytest.approx(gram_and_pairwise(vectors.numpy(), 0.2, 0.1, weight))
        module = GramPairwiseLoss(0.2, pairwise_weight=weight)
        assert module(*vectors).item() == pytest.approx(found.item())
        assert f"pairwise_weight={weight}" in repr(module)
    found = pmrl_loss(*vectors, temperature=0.2, label_smoothing=0.0, singular_temperature=0.7)
    assert found.item() == pytest.approx(pmrl(vectors.numpy(), 0.2, 0.0, 0.7))
    module = PMRLLoss(0.2, label_smoothing=0.0, singular_temperature=0.7)
    assert module(*vectors).item() == pytest.approx(found.item())
    assert "singular_temperature=0.7" in repr(module)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_its_function_with_its_settings(name: str) -> None:
    vectors = draw(2, modalities(name, 4), 6, 8)
    loss = LOSSES[name](0.2, label_smoothing=0.05)(*vectors)
    expected = call(name, vectors, temperature=0.2, label_smoothing=0.05)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)


def test_every_loss_has_a_measure_that_fits_what_it_fits() -> None:
    assert list(MEASURES) == list(LOSSES)
    for name, measure in MEASURES.items():
        assert gram.measures.get(measure).modalities == LOSSES[name].modalities
    assert not PMRLLoss().log_temperature.requires_grad
    assert all(LOSSES[name]().log_temperature.requires_grad for name in LOSSES if name != "pmrl")


@pytest.mark.parametrize(("name", "k"), FITTING)
def test_gradients_are_right(name: str, k: int) -> None:
    inputs = [rows.requires_grad_() for rows in draw(3, k, 3, 6).unbind()]
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, *rows: call(name, rows, temperature=t), (temperature, *inputs))


def test_the_gradient_of_an_area_is_right_next_to_0() -> None:
    start, end = draw(4, 2, 3, 6)
    anchor = normalize(start, dim=-1) + 1e-4 * draw(5, 3, 6)
    inputs = [rows.clone().requires_grad_() for rows in (anchor, start, end)]
    assert torch.autograd.gradcheck(triangle_loss, inputs, eps=1e-9, atol=1e-4)


def test_what_is_only_rounding_pulls_at_nothing() -> None:
    one, other = normalize(draw(18, 2, 2, 8), dim=-1).float()
    nearly = one * (1 + torch.finfo(torch.float32).eps * draw(19, 2, 8).sign().float())
    assert not torch.equal(one, nearly)
    for rows in ((one, nearly, other), (one, other, nearly), (other, one, nearly)):
        inputs = [each.clone().requires_grad_() for each in rows]
        areas = gram.losses.triangle._areas(*inputs).diagonal()
        areas.sum().backward()
        assert not areas.any()
        assert not any(each.grad.any() for each in inputs)
    inputs = [each[:1].clone().requires_grad_() for each in (one, nearly)]
    pmrl_loss(*inputs, singular_temperature=1.0).backward()
    assert all(each.grad.abs().max() < 1e-6 for each in inputs)


def test_an_anchor_with_no_part_in_the_largest_singular_value_has_no_gradient_but_the_others_do() -> None:
    anchor = torch.eye(4, dtype=torch.float64)[2:]
    first, second = torch.tensor([[1.0, 0, 0, 0], [1, 2, 0, 0]], dtype=torch.float64).unsqueeze(1).expand(2, 2, 4)
    inputs = [rows.clone().requires_grad_() for rows in (anchor, first, second)]
    weights = draw(20, 2, 2)
    assert torch.autograd.gradcheck(lambda *rows: (weights * gram.losses.singular_value._largest(*rows)).sum(), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["aligned", "zero", "collapsed", "opposite", "right angles"])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradients_stay_finite_where_vectors_are_dependent(name: str, case: str, dtype: torch.dtype) -> None:
    k = modalities(name, 4)
    aligned = draw(6, 1, 4, 8).to(dtype).expand(k, 4, 8)
    signs = torch.tensor([1, -1, 1, -1])[:k, None, None]
    rows = {
        "aligned": aligned,
        "zero": torch.zeros_like(aligned),
        "collapsed": aligned[:, :1].expand_as(aligned),
        "opposite": aligned * signs,
        "right angles": torch.eye(8, dtype=dtype)[:k, None].expand_as(aligned),
    }[case]
    rows = rows.clone().requires_grad_()
    loss = call(name, rows)
    loss.backward()
    assert loss.isfinite()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


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


def test_turns_signs_and_order() -> None:
    vectors = draw(7, 3, 6, 8)
    turn = torch.linalg.qr(draw(8, 8, 8)).Q
    flips = torch.tensor([-1.0, 1, 1], dtype=torch.float64)[:, None, None]
    sizes = torch.tensor([0.1, 3, 20], dtype=torch.float64)[:, None, None]
    for name in NAMES:
        value = call(name, vectors, **SETTINGS).item()

        def same(changed: torch.Tensor, name: str = name, value: float = value) -> bool:
            return call(name, changed, **SETTINGS).item() == pytest.approx(value, rel=1e-9)

        assert same(vectors @ turn) == (name != "symile"), name
        assert same(vectors * flips) == (name in {"log-volume", "singular"}), name
        assert same(vectors * sizes) == (name != "gram-cosine"), name  # log-volume: a factor of all, above the floor
        assert same(vectors[[0, 2, 1]]) == (name != "symile"), name  # which draws other permutations
        assert same(vectors[[1, 0, 2]]) == (name in {"all-pairs", "pmrl"}), name


def test_two_modalities_make_the_loss_of_clip_of_some() -> None:
    vectors = draw(9, 2, 6, 8)
    expected = pairwise_info_nce(*vectors)
    torch.testing.assert_close(all_pairs_info_nce(*vectors), expected)
    torch.testing.assert_close(symile_loss(*vectors), expected)


@pytest.mark.parametrize("name", ["log-volume", "singular", "pmrl", "symile"])
def test_a_missing_modality_is_left_out(name: str) -> None:
    vectors = draw(10, 4, 6, 8)
    vectors[1, 2] = vectors[3, 2] = vectors[2, 4] = torch.nan
    vectors.requires_grad_()
    loss = call(name, vectors, **SETTINGS)
    assert loss.item() == pytest.approx(ORACLES[name](vectors.detach().numpy(), 0.3, 0.1), rel=1e-9)
    loss.backward()
    assert vectors.grad is not None
    assert vectors.grad[~vectors.detach().isnan()].isfinite().all()


def test_a_missing_modality_is_no_singular_value_of_0() -> None:
    vectors = draw(21, 3, 6, 8)
    vectors[1, 2] = torch.nan
    found = pmrl_loss(*vectors, **SETTINGS, singular_temperature=1.0)
    assert found.item() == pytest.approx(pmrl(vectors.numpy(), 0.3, 0.1, 1.0), rel=1e-9)


@pytest.mark.parametrize("name", ["pmrl", "symile"])
def test_without_an_anchor_any_modality_may_be_missing_but_not_all(name: str) -> None:
    vectors = draw(11, 3, 6, 8)
    vectors[0, 1] = torch.nan
    loss = call(name, vectors, **SETTINGS)
    assert loss.item() == pytest.approx(ORACLES[name](vectors.numpy(), 0.3, 0.1), rel=1e-9)
    vectors[:, 1] = torch.nan
    assert call(name, vectors, **SETTINGS).isnan()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_anchor_or_a_modality_that_is_needed_makes_the_loss_nan(name: str) -> None:
    vectors = draw(12, 3, 6, 8)
    place = 0 if name in {"log-volume", "singular"} else 1
    vectors[place, 1] = torch.nan
    assert call(name, vectors).isnan() == (name not in {"pmrl", "symile"})


@pytest.mark.parametrize(("name", "k"), FITTING)
def test_training_brings_matched_items_together(name: str, k: int) -> None:
    vectors = normalize(draw(13, k, 8, 32), dim=-1).requires_grad_()
    more = {"singular_temperature": 0.3} if name == "pmrl" else {}  # at 0.05 its first term is met too early
    loss = LOSSES[name](0.1, label_smoothing=0.0, **more).double()
    optimizer = torch.optim.Adam([vectors, *loss.parameters()], lr=0.05)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        values.append(loss(*normalize(vectors, dim=-1)))
        values[-1].backward()
        optimizer.step()
    assert values[-1] < 0.5 * values[0]
    scores = gram.score(MEASURES[name], *vectors.detach())
    assert scores.argmax(dim=1).tolist() == list(range(8))


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


@pytest.mark.parametrize("name", NAMES)
def test_arguments_out_of_range_are_named(name: str) -> None:
    vectors = draw(15, 3, 4, 6)
    with pytest.raises(ValueError, match="temperature: expected a number above 0"):
        call(name, vectors, temperature=0)
    with pytest.raises(ValueError, match="label_smoothing: expected a number from 0 to below 1"):
        call(name, vectors, label_smoothing=1)
    with pytest.raises(ValueError, match="expected as many items as the others, at least one; got 3 and 4"):
        call(name, [vectors[0, :3], *vectors[1:]])
    with pytest.raises(ValueError, match="others: expected at least one"):
        call(name, vectors[:1])


def test_what_only_some_take_is_named() -> None:
    vectors = draw(16, 4, 4, 6)
    for wrong in (vectors, vectors[:2]):
        with pytest.raises(ValueError, match="others: a triangle needs two beside the anchor, got"):
            triangle_loss(*wrong)
    for weight in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="pairwise_weight: expected a number from 0"):
            gram_pairwise_loss(*vectors, pairwise_weight=weight)
        with pytest.raises(ValueError, match="pairwise_weight: expected a number from 0"):
            GramPairwiseLoss(pairwise_weight=weight)
    for temperature in (0, math.inf, math.nan):
        with pytest.raises(ValueError, match="singular_temperature: expected a number above 0"):
            pmrl_loss(*vectors, singular_temperature=temperature)
        with pytest.raises(ValueError, match="singular_temperature: expected a number above 0"):
            PMRLLoss(singular_temperature=temperature)


def test_a_weight_of_0_leaves_the_gram_loss() -> None:
    vectors = draw(17, 3, 4, 6)
    torch.testing.assert_close(gram_pairwise_loss(*vectors, pairwise_weight=0), gram_loss(*vectors))
    both = gram_loss(*vectors) + PairwiseInfoNCE()(*vectors)
    assert np.isclose(gram_pairwise_loss(*vectors).item(), both.item())
