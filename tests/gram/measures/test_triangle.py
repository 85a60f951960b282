"""The triangle's area."""

import math

import numpy as np
import pytest
import torch

import gram
from gram import measures
from gram.errors import EmbeddingSetError
from gram.retrieval.distributions import distributions
from tests.helpers.measure_oracle import expected_scores, lacking, make_set
from tests.helpers.measure_parts import Item, random_values, traits
from tests.helpers.oracle import draw


def test_small_triangles_keep_their_digits_in_single_precision():
    centre = draw(1, 40, 12)
    anchor, first, second = (
        torch.nn.functional.normalize(centre + size * draw(seed, 40, 12), dim=1).float()
        for seed, size in ((2, 1e-3), (3, 0.5), (4, 0.5))
    )
    anchor = torch.nn.functional.normalize((first + second) / 2 + 1e-3 * anchor, dim=1)
    expected = expected_scores("triangle", anchor, first, second)
    np.testing.assert_allclose(gram.score("triangle", anchor, first, second).numpy(), expected, rtol=1e-4, atol=1e-7)
    assert (gram.score("triangle", first, first, second).diagonal() == 0).all()
    assert (gram.score("triangle", anchor, first, first) == 0).all()


def test_a_triangle_without_one_of_its_corners_is_never_found():
    anchor, first, second = draw(6, 3, 3, 8)
    first[0] = torch.nan
    second[1] = torch.nan
    assert (gram.score("triangle", anchor, first, second)[:, :2] == -math.inf).all()
    assert measures.paired_score("triangle", anchor, first, second).isfinite().tolist() == [False, False, True]


@pytest.mark.parametrize("others", [1, 3])
def test_a_triangle_of_another_number_of_modalities_is_an_error_that_says_what_to_do(others):
    rows = draw(9, others + 1, 4, 5)
    line = rf"triangle needs 2 candidate modalities beside the query, got {others}: choose 2, or one of volume, height"
    for call in (measures.score, measures.paired_score):
        with pytest.raises(ValueError, match=line):
            call("triangle", *rows)
    data = make_set(modalities=others + 1)
    for ask in (lambda: gram.Index(data, data.names[1:], "triangle"), lambda: gram.evaluate(data, measure="triangle")):
        with pytest.raises(ValueError, match=line):
            ask()
    with pytest.raises(ValueError, match=line):
        distributions(data, candidates=data.names[1:], measure="triangle")


def test_items_without_a_corner_are_left_out_of_search_evaluation_and_distributions():
    data = lacking(make_set(), "image", 2, 5)
    kept = [row for row in range(12) if row not in (2, 5)]
    text, image, speech = (data.modalities[name][kept] for name in data.names)
    expected = expected_scores("triangle", text, image, speech)
    index = gram.Index(data, ["image", "speech"], "triangle")
    assert index.rows.tolist() == kept
    hits = index.search(text, k=20)
    assert hits.indices.shape == (10, 10)
    assert hits.indices[:, 0].tolist() == [kept[best] for best in expected.argmax(axis=1)]
    with pytest.raises(ValueError, match="its item lacks image or speech"):
        index.score(text, 2)
    report = gram.evaluate(data, measure="triangle")
    assert report.left_out == 2
    places = 1 + (expected > expected.diagonal()[:, None]).sum(axis=1)
    assert report.ranks.tolist() == places.tolist()
    found = distributions(data, candidates=["image", "speech"], measure="triangle")
    assert (found.rows.tolist(), found.left_out, found.small_is_aligned) == (kept, 2, True)
    np.testing.assert_allclose(found.matched, -expected.diagonal(), atol=1e-7)


def test_a_set_in_which_no_item_has_all_corners_is_an_error():
    data = lacking(lacking(make_set(n=4), "image", 0, 1), "speech", 2, 3)
    with pytest.raises(EmbeddingSetError, match="no item has image and speech; choose other candidates"):
        gram.Index(data, ["image", "speech"], "triangle")
    assert len(gram.Index(data, ["image", "speech"], "singular")) == 4
    data = lacking(lacking(make_set(n=4), "image", 0, 1), "text", 2, 3)
    with pytest.raises(EmbeddingSetError, match="no item has text together with image and speech; choose others"):
        gram.evaluate(data, measure="triangle")


def test_known_triangles_of_random_points():
    assert measures.get("triangle").random_mean(3, 2) == pytest.approx(3 / (2 * math.pi))
    assert measures.get("triangle").random_mean(3, 3) == pytest.approx(math.pi / 5)
    assert measures.get("triangle").random_mean(3, 1) == 0
    assert math.isnan(measures.get("triangle").random_mean(4, 8))


NAME = "triangle"


def test_what_it_declares():
    measure = measures.get(NAME)
    assert traits(NAME) == {"comparable_across_k", "compares_by_span", "small_is_aligned", "uses_candidate_base"}
    assert (measure.relative_cost, measure.symbol) == (1.7, "area")


@pytest.mark.parametrize("k", [3])
def test_range_and_mean_of_random_directions(k):
    measure, values = measures.get(NAME), random_values(NAME, k, 5)
    allowed = 4.5 * float(values.std()) / len(values) ** 0.5 + 1e-3
    assert measure.random_mean(k, 5) == pytest.approx(float(values.mean()), abs=allowed)
    low, high = measure.value_range(k)
    assert low <= values.min()
    assert values.max() <= high


def test_a_short_edge_is_a_hub():
    first = Item("a", -0.1, own_cosine=0.98)
    true = Item("b", -0.4, own_cosine=0.5)
    assert measures.get(NAME).explain(first, true) == (
        "The triangle of the query with a is the smaller: area 0.1 against 0.4; between the candidate's "
        "own two vectors lie 0.2 against 1 (its own two vectors nearly coincide: a hub)."
    )
