"""Nearly collinear features: they are learned from, and the saved head knows the features alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from gram.data.embedding_set import FeatureSet
from gram.training.align import align
from gram.training.align_config import AlignConfig
from gram.training.preconditioning import merge_preconditioner, precondition, principal_axes

SETTINGS = AlignConfig(d=16, steps=150, batch_size=128, evaluations=1)


def collinear(*, directions: int, difference: float, n: int = 600) -> FeatureSet:
    """Return views in which a few directions, alone in each view, hide the hidden numbers that all views share."""
    rng = np.random.default_rng(4)
    hidden = rng.normal(size=(n, 8))
    views = {}
    for name, size in {"text": 48, "image": 200, "audio": 64}.items():
        telling = hidden @ rng.normal(size=(8, size)) / np.sqrt(8) + 0.1 * rng.normal(size=(n, size))
        hiding = rng.normal(size=(n, directions)) @ rng.normal(size=(directions, size))
        views[name] = (hiding + difference * telling).astype(np.float32)
    return FeatureSet(views, pd.DataFrame({"id": [f"i{row}" for row in range(n)]}), {"anchor": "text"})


@pytest.mark.parametrize("loss", ["gram", "cosine"])
@pytest.mark.parametrize("directions", [1, 3])
def test_differences_of_one_percent_are_learned_from(loss: str, directions: int):
    made = align(collinear(directions=directions, difference=0.01), replace(SETTINGS, loss=loss))
    rows = {name: part[made.held_out].double().numpy() for name, part in made.embedding_set.modalities.items()}
    anchor, *rest = rows.values()
    if loss == "cosine":
        scores = anchor @ sum(rest).T
    else:
        stacks = [
            [np.stack([asking, *(each[row] for each in rest)]) for row in range(len(anchor))] for asking in anchor
        ]
        scores = -np.linalg.svd(np.array(stacks), compute_uv=False).prod(axis=-1)
    assert np.mean(scores.argmax(axis=1) == np.arange(len(anchor))) > 0.8


def test_fewer_rows_than_features_are_learned_from_as_before():
    rng = np.random.default_rng(6)
    hidden = rng.normal(size=(200, 8))
    views = {}
    for name, size in {"text": 600, "image": 700, "audio": 500}.items():
        signal = hidden @ rng.normal(size=(8, size)) / np.sqrt(8)
        views[name] = (signal + 0.3 * rng.normal(size=(200, size))).astype(np.float32)
    items = pd.DataFrame({"id": [f"i{row}" for row in range(200)]})
    made = align(FeatureSet(views, items, {"anchor": "text"}), SETTINGS)
    rows = [part[made.held_out].double().numpy() for part in made.embedding_set.modalities.values()]
    n = len(made.held_out)
    stacks = [
        [np.stack([rows[0][asking], *(part[row] for part in rows[1:])]) for row in range(n)] for asking in range(n)
    ]
    volumes = np.linalg.svd(np.array(stacks), compute_uv=False).prod(axis=-1)
    assert np.mean(volumes.argmin(axis=1) == np.arange(n)) > 0.9


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_the_saved_head_takes_the_features_alone(head: str):
    made = align(collinear(directions=1, difference=0.01), replace(SETTINGS, steps=10, head=head))
    names = {name.rpartition(".")[2] for name in made.heads.state_dict()}
    assert {part.partition("_")[0] for part in names} == {"weight", "bias", "mean", "scale"}


@pytest.mark.parametrize(("n", "size"), [(300, 12), (40, 60), (30, 2100)])
def test_the_axes_are_those_of_the_rows(n: int, size: int):
    rows = torch.randn(n, size, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.1, 3, size)
    rows -= rows.mean(dim=0)
    variances, axes = principal_axes(rows)
    expected = np.linalg.svd(rows.double().numpy(), compute_uv=False) ** 2 / n
    most = min(n - 1, size)
    np.testing.assert_allclose(variances.flip(0)[:most], expected[:most], rtol=1e-8)
    spread = (rows.double() @ axes.flip(1)[:, :most]).square().mean(dim=0)
    np.testing.assert_allclose(spread, expected[:most], rtol=1e-8)


def test_the_folded_layer_gives_what_the_conditioned_one_gave():
    rows = torch.randn(200, 30, generator=torch.Generator().manual_seed(2))
    rows = rows[:, :1] + 0.01 * rows
    layer = nn.Linear(30, 5)
    drawn = layer.weight.detach().clone()
    precondition(layer, rows - rows.mean(dim=0))
    with torch.no_grad():
        before = layer(rows)
        assert not torch.allclose(layer.weight, drawn, rtol=0.1)
        merge_preconditioner([layer])
        torch.testing.assert_close(layer(rows), before)


def test_a_dominating_axis_is_held_down_and_the_others_keep_their_proportions():
    rng = np.random.default_rng(5)
    variances = np.array([1e6, 4.0, *np.full(8, 1.0)])
    rows = np.linalg.qr(rng.normal(size=(4000, 10)))[0] * np.sqrt(4000 * variances)
    layer = nn.Linear(10, 10, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(10))
    precondition(layer, torch.from_numpy(rows))
    after = (torch.from_numpy(rows).float() @ layer.weight.detach().T).double().square().mean(dim=0).numpy()
    assert after.sum() == pytest.approx(variances.sum(), rel=1e-4)
    # (1 + c) e / (e + c m), up to the common factor, at m = 1 and c = 300
    expected = 301 * variances / (variances + 300)
    np.testing.assert_allclose(after / after[-1], expected / expected[-1], rtol=1e-3)


def test_rows_that_do_not_vary_change_nothing():
    layer = nn.Linear(6, 3)
    drawn = layer.weight.detach().clone()
    precondition(layer, torch.zeros(20, 6))
    torch.testing.assert_close(layer.weight.detach(), drawn)
