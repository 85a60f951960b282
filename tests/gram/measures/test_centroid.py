"""The cosine with the centroid."""

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "centroid"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"comparable_across_k"}
    assert (measure.relative_cost, measure.symbol) == (1.0, "centroid")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_the_modality_that_falls_short_is_named():
    first = Item("a", cosines={"image": 0.9, "speech": 0.5})
    true = Item("b", cosines={"image": 0.2, "speech": 0.6})
    assert measures.get(NAME).explain(first, true) == (
        "The image of b is what falls short: cosine 0.2 with the query, against 0.9 for a."
    )
