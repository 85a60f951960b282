import doctest
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import gram.losses
from gram.losses import GramLoss, PairwiseInfoNCE, gram_loss, pairwise_info_nce
from tests.helpers.loss_scores import draw, expected_loss, minus_volumes

REFERENCE = Path(os.environ.get("GRAM_REFERENCE", Path(__file__).parents[4] / "shared/reference"))
MODULES = [GramLoss, PairwiseInfoNCE]
FUNCTIONS = [gram_loss, pairwise_info_nce]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("modalities", [1, 2, 4])
def test_gram_loss_follows_its_definition(modalities: int, smoothing: float) -> None:
    anchor, *others = draw(0, modalities + 1, 5, 8)
    found = gram_loss(anchor, *others, temperature=0.5, label_smoothing=smoothing).item()
    scores = minus_volumes(anchor.numpy(), *(other.numpy() for other in others))
    assert found == pytest.approx(expected_loss(scores, 0.5, smoothing))


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference figures at {REFERENCE} (set GRAM_REFERENCE)")
@pytest.mark.parametrize("k", [3, 4, 5])
def test_the_published_figures_come_out(k: int) -> None:
    figures = np.load(REFERENCE / "gram_reference.npz")
    for kind in ("unit", "correlated", "raw"):
        tensors = [figures[f"k{k}_{kind}_{name}"] for name in ("anchor", *(f"other{i}" for i in range(k - 1)))]
        volumes = gram.pairwise_volume(*tensors)
        np.testing.assert_allclose(volumes, figures[f"k{k}_{kind}_volume"], rtol=1e-4, atol=1e-4)
        anchor, *others = map(torch.from_numpy, tensors)
        for temperature in (0.07, 0.05) if kind != "raw" else ():
            for smoothing in (0.0, 0.1):
                found = GramLoss(temperature, label_smoothing=smoothing)(anchor, *(other[:7] for other in others))
                expected = figures[f"k{k}_{kind}_loss_tau{temperature}_ls{smoothing}"]
                assert found.item() == pytest.approx(expected.item(), abs=1e-3)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_are_right(function) -> None:
    inputs = [tensor.requires_grad_() for tensor in draw(2, 4, 4, 6).unbind()]
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, *x: function(*x, temperature=t), (temperature, *inputs))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", ["equal", "zero", "collapsed"])
def test_gradients_stay_finite_where_vectors_are_dependent(function, case: str) -> None:
    rows = draw(3, 1, 4, 6).float().expand(3, 4, 6).clone()
    rows = {"equal": rows, "zero": torch.zeros_like(rows), "collapsed": rows[:, :1].expand_as(rows).clone()}[case]
    rows.requires_grad_()
    function(*rows).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_its_function_with_its_settings(module) -> None:
    function = {GramLoss: gram_loss, PairwiseInfoNCE: pairwise_info_nce}[module]
    vectors = draw(4, 3, 6, 8)
    loss = module(0.2, label_smoothing=0.05)(*vectors)
    torch.testing.assert_close(loss, function(*vectors, temperature=0.2, label_smoothing=0.05), rtol=1e-6, atol=0)
    assert "temperature=0.2" in repr(module(0.2))
    assert "learn_temperature=False" in repr(module(learn_temperature=False))


@pytest.mark.parametrize("module", MODULES)
def test_training_brings_matched_items_together(module) -> None:
    vectors = torch.nn.functional.normalize(draw(5, 3, 8, 16), dim=-1).requires_grad_()
    loss = module(temperature=0.1, label_smoothing=0.0).double()
    optimizer = torch.optim.Adam([vectors, *loss.parameters()], lr=0.05)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        values.append(loss(*torch.nn.functional.normalize(vectors, dim=-1)))
        values[-1].backward()
        optimizer.step()
    assert values[-1] < 0.5 * values[0]
    scores = gram.score("volume" if module is GramLoss else "cosine", *vectors.detach())
    assert scores.argmax(dim=1).tolist() == list(range(8))


def test_missing_vectors_in_a_batch() -> None:
    anchor, first, second = draw(8, 3, 4, 6)
    rest = minus_volumes(anchor.numpy(), first.numpy(), second.numpy())
    first[1] = torch.nan
    rest[:, 1] = minus_volumes(anchor.numpy(), second.numpy())[:, 1]
    assert gram_loss(anchor, first, second).item() == pytest.approx(expected_loss(rest, 0.07, 0.1))
    assert pairwise_info_nce(anchor, first, second).isnan()
    anchor[0] = torch.nan
    assert gram_loss(anchor, second).isnan()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arguments_out_of_range_are_named(function) -> None:
    vectors = draw(9, 3, 4, 6)
    for temperature in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature: expected a number above 0"):
            function(*vectors, temperature=temperature)
    for smoothing in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="label_smoothing: expected a number from 0 to below 1"):
            function(*vectors, label_smoothing=smoothing)
    with pytest.raises(ValueError, match="expected as many items as the others, at least one; got 3 and 4"):
        function(vectors[0, :3], *vectors[1:])
    with pytest.raises(ValueError, match="at least one; got 0 and 0"):
        function(*vectors[:, :0])
    with pytest.raises(ValueError, match="others: expected at least one"):
        function(vectors[0])


@pytest.mark.parametrize("module", MODULES)
def test_settings_out_of_range_are_named(module) -> None:
    for temperature in (0.001, 2.0, 0, math.nan):
        with pytest.raises(ValueError, match=r"temperature: expected a number from 0\.01 to 1\.0 when it is learned"):
            module(temperature)
    for temperature in (0, -1, math.inf):
        with pytest.raises(ValueError, match="temperature: expected a number above 0"):
            module(temperature, learn_temperature=False)
    with pytest.raises(ValueError, match="label_smoothing: expected a number from 0 to below 1, got 1"):
        module(label_smoothing=1)


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(gram.losses).failed == 0
