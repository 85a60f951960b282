"""The largest singular value."""

import math

import numpy as np
import pytest
import torch

import gram
from gram import measures
from tests.helpers.measure_oracle import expected_scores
from tests.helpers.measure_parts import Item, random_values, traits
from tests.helpers.oracle import draw


def test_a_vector_and_its_opposite_have_the_same_largest_singular_value():
    anchor, first, second = draw(0, 3, 4, 6)
    scores = gram.score("singular", anchor, first, second)
    torch.testing.assert_close(gram.score("singular", -anchor, first, second), scores)
    torch.testing.assert_close(gram.score("singular", anchor, first, -second), scores)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_singular_value_is_right_where_eigenvalues_meet(dtype):
    """Orthogonal, equal, opposite and nearly so; three at 120 degrees, whose two largest are the same."""
    e = torch.eye(6, dtype=dtype)
    around = torch.tensor([[math.cos(a), math.sin(a), 0, 0, 0, 0] for a in (0.0, 2 * math.pi / 3, 4 * math.pi / 3)])
    first = torch.cat([e, around.to(dtype), e[:3] + 1e-6 * e[3:]])
    anchor = torch.cat([first, -e[:2], e[:2] + 1e-9 * e[2:4]])
    for shift in range(6):
        others = first, first.roll(shift, 0), first.roll(2 * shift, 0)
        expected = expected_scores("singular", anchor, *others)
        found = gram.score("singular", anchor, *others).numpy()
        np.testing.assert_allclose(found, expected, atol=4e-7 if dtype == torch.float32 else 1e-13)


NAME = "singular"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"compares_by_span", "sign_invariant", "uses_candidate_base"}
    assert (measure.relative_cost, measure.symbol) == (10.0, "singular")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_values_are_compared():
    first = Item("a", 1.6, 0.1, 0.2)
    true = Item("b", 1.4, 0.3, 0.4)
    assert measures.get(NAME).explain(first, true) == (
        "Query and vectors of a come nearer to one line, signs aside: largest singular value 1.6 against "
        "1.4. Base 0.1 against 0.3, height 0.2 against 0.4."
    )
