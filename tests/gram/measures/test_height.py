"""Minus the height."""

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "height"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"can_join", "comparable_across_k", "compares_by_span", "sign_invariant", "small_is_aligned"}
    assert (measure.relative_cost, measure.symbol) == (1.7, "height")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_heights_are_compared():
    first = Item("a", height=0.2)
    true = Item("b", height=0.5)
    assert measures.get(NAME).explain(first, true) == (
        "The query lies nearer to the span of a's vectors: height 0.2 against 0.5."
    )


def test_what_was_asked_with_is_in_the_span():
    first = Item("a", height=0.2)
    true = Item("b", height=0.5)
    assert measures.get(NAME).explain(first, true, ("text", "tones")) == (
        "The text lies nearer to the span of a's vectors and the tones asked with: height 0.2 against 0.5."
    )
