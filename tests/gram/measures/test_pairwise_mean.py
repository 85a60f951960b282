"""The mean cosine over all pairs."""

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "pairwise-mean"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"comparable_across_k", "uses_candidate_base"}
    assert (measure.relative_cost, measure.symbol) == (1.0, "pairwise-mean")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_its_own_vectors_decide():
    first, true = (
        Item("a", 0.5, cosines={"image": 0.3, "speech": 0.3}),
        Item("b", 0.4, cosines={"image": 0.3, "speech": 0.6}),
    )
    assert measures.get(NAME).explain(first, true) == (
        "a wins by how its own vectors agree: the cosines among its own vectors 0.3 against 0.1, where "
        "the query's cosines give it 0.2 against 0.3; b fits the query as well or better."
    )


def test_the_query_decides():
    first, true = (
        Item("a", 0.5, cosines={"image": 0.6, "speech": 0.6}),
        Item("b", 0.4, cosines={"image": 0.3, "speech": 0.3}),
    )
    assert measures.get(NAME).explain(first, true) == (
        "a wins by how it fits the query: the query's cosines give it 0.4 against 0.2, the cosines among "
        "its own vectors 0.1 against 0.2."
    )
