"""Every loss against a loop in numpy, and where it is degenerate, turned, or lacks a modality; the temperature."""

import pytest
import torch
from torch.nn.functional import normalize

import gram
import gram.losses.singular_value
import gram.losses.triangle
from gram.losses import (
    LOSSES,
    MEASURES,
    TEMPERATURE_RANGE,
    GramLoss,
    PMRLLoss,
    gram_loss,
)
from tests.helpers.loss_calls import FITTING, NAMES, SETTINGS, call, modalities
from tests.helpers.loss_oracle import ORACLES
from tests.helpers.oracle import draw


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(("name", "k"), FITTING)
def test_a_loss_follows_its_definition(name: str, k: int, smoothing: float) -> None:
    vectors = draw(k, k, 6, 8)
    found = call(name, vectors, temperature=0.5, label_smoothing=smoothing)
    assert found.item() == pytest.approx(ORACLES[name](vectors.numpy(), 0.5, smoothing), rel=1e-9)


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


@pytest.mark.parametrize("bound", [0, 1])
def test_a_temperature_pushed_over_its_bound_comes_back(bound: int) -> None:
    limit, inwards = TEMPERATURE_RANGE[bound], (1, -1)[bound]
    loss = GramLoss(limit)
    with torch.no_grad():
        loss.log_temperature -= 50 * inwards
    assert loss.temperature.item() == pytest.approx(limit)
    loss(*draw(6, 3, 5, 8)).backward()
    assert loss.log_temperature.grad is not None
    assert loss.log_temperature.grad.abs() > 0
    (loss.temperature * -inwards).backward()
    with torch.no_grad():
        loss.log_temperature += 0.1 * inwards
    assert inwards * (loss.temperature.item() - limit) > 0


def test_a_fixed_temperature_stays() -> None:
    loss = GramLoss(3.0, learn_temperature=False)
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert loss.temperature.item() == pytest.approx(3)


def test_settings_travel_with_the_state() -> None:
    trained, fresh = GramLoss(0.5), GramLoss()
    fresh.load_state_dict(trained.state_dict())
    assert fresh.temperature.item() == pytest.approx(0.5)


def test_gather_alone_changes_nothing() -> None:
    vectors = draw(7, 3, 4, 6)
    assert torch.equal(gram_loss(*vectors, gather=True), gram_loss(*vectors))
