"""The multilinear product."""

import pytest
import torch

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "symile"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"sign_invariant"}
    assert (measure.relative_cost, measure.symbol) == (1.0, "symile")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    assert measure.value_range(k) is None


def test_sums_are_compared():
    first = Item("a", 0.5)
    true = Item("b", 0.4)
    assert measures.get(NAME).explain(first, true) == (
        "The products of the coordinates add up to 0.5 for a and to 0.4 for b: the sum goes by axes, and "
        "no angle tells it."
    )


def test_a_joint_query_compares_scores():
    first = Item("a", 0.5)
    true = Item("b", 0.4)
    assert measures.get(NAME).explain(first, true, ("text", "tones")) == (
        "Asked with text and tones, a scores 0.5 against 0.4."
    )


def test_two_opposite_signs_cancel_and_one_does_not():
    rows = torch.randn(3, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores = measures.score(NAME, *rows)
    torch.testing.assert_close(measures.score(NAME, rows[0], -rows[1], -rows[2]), scores)
    torch.testing.assert_close(measures.score(NAME, -rows[0], rows[1], rows[2]), -scores)
