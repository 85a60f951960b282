"""The normalised volume."""

import math

import numpy as np
import pytest
import torch

import gram
from gram import measures
from tests.helpers import oracle
from tests.helpers.measure_parts import Item, random_values, traits


@pytest.mark.parametrize("others", [1, 2, 4])
def test_the_normalised_volume_is_the_root_of_the_volume(others):
    rows = [oracle.draw(seed, 7, 9).numpy() for seed in range(others + 1)]
    expected = -((-oracle.scores("volume", *rows)) ** (1 / (others + 1)))
    np.testing.assert_allclose(gram.score("normalized-volume", *rows), expected, rtol=1e-9)
    paired = measures.paired_score("normalized-volume", *rows)
    np.testing.assert_allclose(paired, expected.diagonal(), rtol=1e-9)
    single = gram.score("normalized-volume", *(each.astype(np.float32) for each in rows))
    np.testing.assert_allclose(single, expected, rtol=1e-5)


def test_the_normalised_volume_of_dependent_or_zero_vectors_is_0():
    anchor, other = oracle.draw(0, 3, 6), oracle.draw(1, 3, 6)
    assert (gram.score("normalized-volume", anchor, other, other) == 0).all()
    assert (gram.score("normalized-volume", torch.zeros_like(anchor), other) == 0).all()


@pytest.mark.parametrize(("k", "d"), [(2, 3), (3, 24), (4, 4), (5, 3), (1, 5)])
def test_its_value_for_random_vectors_is_their_average(k, d):
    rows = np.random.default_rng(5).normal(size=(20_000, k, d))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    volumes = np.linalg.svd(rows, compute_uv=False).prod(axis=1) if k <= d else np.zeros(20_000)
    sides = volumes ** (1 / k)
    allowed = 4.5 * sides.std() / 20_000**0.5 + 1e-12
    assert measures.get("normalized-volume").random_mean(k, d) == pytest.approx(sides.mean(), abs=allowed)


NAME = "normalized-volume"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {
        "can_join",
        "comparable_across_k",
        "compares_by_span",
        "sign_invariant",
        "small_is_aligned",
        "uses_candidate_base",
    }
    assert (measure.relative_cost, measure.symbol) == (2.0, "V^(1/k)")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_both_roots_are_named():
    first, true = (
        Item("a", -0.2, 0.2, 0.2, {"image": 0.1, "speech": math.nan}),
        Item("b", -0.5, 0.5, 0.25, {"image": 0.1, "speech": 0.2}),
    )
    assert measures.get(NAME).explain(first, true) == (
        "a has the smaller side, (base 0.2 × height 0.2)^(1/2) = 0.2 against (base 0.5 × height 0.25)^(1/3) = 0.5."
    )
