"""Minus the volume."""

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "volume"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"can_join", "compares_by_span", "sign_invariant", "small_is_aligned", "uses_candidate_base"}
    assert (measure.relative_cost, measure.symbol) == (1.7, "V")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_a_hub_is_named():
    first = Item("a", base=0.1, height=0.9)
    true = Item("b", base=0.8, height=0.5)
    assert measures.get(NAME).explain(first, true) == (
        "b is nearer the query, height 0.5 against 0.9, yet a wins by base 0.1 against 0.8 (its own "
        "vectors are nearly dependent: a hub)."
    )


def test_the_larger_factor_comes_first():
    first = Item("a", base=0.1, height=0.4)
    true = Item("b", base=0.8, height=0.5)
    assert measures.get(NAME).explain(first, true) == (
        "a wins mostly by base 0.1 against 0.8 (its own vectors are nearly dependent: a hub); height 0.4 against 0.5."
    )


def test_a_joint_query_is_no_hub():
    first = Item("a", base=0.6, height=0.2)
    true = Item("b", base=0.8, height=0.5)
    assert measures.get(NAME).explain(first, true, ("text", "tones")) == (
        "a lies nearer the text, height 0.2 against 0.5; base 0.6 against 0.8, its vectors and the tones asked with."
    )


def test_a_height_of_0_has_a_place_too():
    first = Item("a", base=0.9, height=0.0)
    true = Item("b", base=0.8, height=0.5)
    assert measures.get(NAME).explain(first, true) == (
        "a lies nearer the query, height 0 against 0.5; base 0.9 against 0.8."
    )
