"""The mean cosine."""

import math

import pytest

from gram import measures
from tests.helpers.measure_parts import Item, random_values, traits

NAME = "cosine"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"comparable_across_k"}
    assert (measure.relative_cost, measure.symbol) == (1.0, "cosine")


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


def test_an_item_that_points_away_is_named():
    first = Item("a", cosines={"image": 0.9})
    true = Item("b", cosines={"image": -0.5})
    assert measures.get(NAME).explain(first, true, ("text", "tones")) == (
        "b points away from the text (its best cosine is -0.5): cosine counts that as far, volume ignores the sign."
    )


def test_no_single_modality_is_at_fault():
    first = Item("a", 0.4, cosines={"image": 0.5})
    true = Item("b", 0.3, cosines={"image": 0.6})
    assert measures.get(NAME).explain(first, true) == (
        "No single modality of b falls short of a's; all together, a scores 0.4 against 0.3."
    )


def test_nothing_in_common_is_said():
    first = Item("a", cosines={"image": math.nan})
    true = Item("b", cosines={"image": 0.6})
    assert measures.get(NAME).explain(first, true) == ("a and b have no modality in common to compare.")


def test_a_note_on_joint_queries():
    note = measures.get(NAME).joint_note.format(anchor="text", joined="image")
    assert note.startswith("By mean cosine only the text decides the order: what the image asked with adds")
