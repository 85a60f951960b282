"""The largest cosine."""

import math

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "cosine-max"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == set()
    assert (measure.relative_cost, measure.symbol) == (1.5, "cosine-max")


@pytest.mark.parametrize("k", [2, 3, 4])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_the_best_modality_decides():
    first, true = (
        Item("a", 0.9, cosines={"image": 0.9, "speech": math.nan}),
        Item("b", 0.6, cosines={"image": 0.2, "speech": 0.6}),
    )
    assert measures.get(NAME).explain(first, true) == (
        "The image of a alone decides: its cosine with the query is 0.9, against 0.6 for the speech of b, its best."
    )


def test_on_a_line_the_largest_cosine_is_a_coin_toss():
    assert measures.get(NAME).random_mean(3, 1) == 0.5
    assert "only the text is compared" in measures.get(NAME).joint_note.format(anchor="text", joined="image")
