"""The measures beside volume, height and the two means of cosines, against their definitions in plain numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gram
from gram import measures
from gram.retrieval.distributions import distributions
from tests.helpers.measure_oracle import expected_scores, make_set
from tests.helpers.oracle import draw

NAMES = ["cosine-max", "pairwise-mean", "triangle", "singular", "symile"]
ANY_K = [name for name in NAMES if name != "triangle"]
SEEDS = st.integers(0, 2**31 - 1)


def test_every_measure_says_what_it_is_when_it_fails_and_where_it_is_from():
    assert measures.names() == ["volume", "height", "cosine", "centroid", "normalized-volume", *NAMES]
    for name in measures.names():
        measure = measures.get(name)
        for line in (measure.help, measure.fails):
            assert line.endswith(".")
            assert "\n" not in line
        assert measure.source
        assert not measure.source.endswith(".")


def test_measures_are_listed_by_the_modalities_they_fit():
    assert measures.names(k=3) == measures.names()
    for k in (2, 4, 5):
        assert measures.names(k) == [name for name in measures.names() if name != "triangle"]
    assert measures.get("triangle").supports(3)
    assert not measures.get("triangle").supports(4)
    assert [measures.get(name).min_candidates for name in ("triangle", "singular")] == [2, 1]


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, others=st.integers(1, 5), d=st.integers(2, 9))
def test_scores_follow_their_definition(name, seed, others, d):
    others = 2 if name == "triangle" else others
    anchor, *rest = draw(seed, others + 1, 4, d) * 3
    expected = expected_scores(name, anchor, *rest)
    np.testing.assert_allclose(gram.score(name, anchor, *rest).numpy(), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(measures.paired_score(name, anchor, *rest).numpy(), expected.diagonal(), atol=1e-12)
    single = gram.score(name, anchor.float(), *(other.float() for other in rest))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
def test_a_rotation_changes_nothing_but_the_multilinear_product(name, seed):
    anchor, *others = draw(seed, 3, 4, 6)
    turn, _ = torch.linalg.qr(draw(seed + 1, 6, 6))
    before = gram.score(name, anchor, *others)
    after = gram.score(name, anchor @ turn, *(other @ turn for other in others))
    assert torch.allclose(before, after, atol=1e-10) == (name != "symile")


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
def test_the_order_of_modalities_and_of_candidates_does_not_count(name, seed):
    anchor, first, second = draw(seed, 3, 5, 6)
    scores = gram.score(name, anchor, first, second)
    torch.testing.assert_close(gram.score(name, anchor, second, first), scores)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(gram.score(name, anchor, first[order], second[order]), scores[:, order])


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS, others=st.integers(1, 4), d=st.integers(1, 5))
def test_scores_stay_within_their_bounds(name, seed, others, d):
    others = 2 if name == "triangle" else others
    scores = gram.score(name, *draw(seed, others + 1, 4, d))
    low, high = {
        "cosine-max": (-1, 1),
        "pairwise-mean": (-1 / others, 1),
        "triangle": (-0.75 * math.sqrt(3), 0),
        "singular": (1, math.sqrt(others + 1)),
        "symile": (-1, 1),
    }[name]
    assert scores.min() >= low - 1e-9
    assert scores.max() <= high + 1e-9


@pytest.mark.parametrize("name", ANY_K)
def test_a_missing_modality_is_left_out(name):
    anchor, first, second, third = draw(4, 4, 3, 8)
    first[:2] = torch.nan
    third[1] = torch.nan
    expected = expected_scores(name, anchor, first, second, third)
    np.testing.assert_allclose(gram.score(name, anchor, first, second, third).numpy(), expected, rtol=1e-9)
    paired = measures.paired_score(name, anchor, first, second, third)
    np.testing.assert_allclose(paired.numpy(), expected.diagonal(), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_of_zeros_counts_as_one_at_the_origin(name):
    anchor, first, second = draw(7, 3, 2, 8)
    zero = torch.zeros_like(anchor)
    for rows in ((zero, first, second), (anchor, zero, second), (anchor, zero, zero), (zero, zero, zero)):
        found = gram.score(name, *rows).numpy()
        np.testing.assert_allclose(found, expected_scores(name, *rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_and_pairs_give_what_the_whole_gives(name):
    measure = measures.get(name)
    anchor, *others = draw(8, 3, 600, 16).float()
    whole = measures.score(measure, anchor, *others)
    blocks = [
        torch.cat([measure.scores(anchor[part], prepared) for part in (slice(0, 7), slice(7, None))])
        for start in (0, 300)
        for prepared in [measure.prepare(*(other[start : start + 300] for other in others))]
    ]
    torch.testing.assert_close(torch.cat(blocks, dim=1), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(measures.paired_score(name, anchor, *others), whole.diagonal(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_ranks_by_the_definition(name):
    data = make_set()
    expected = expected_scores(name, *data.modalities.values())
    places = 1 + (expected > expected.diagonal()[:, None]).sum(axis=1)
    assert gram.evaluate(data, measure=name).ranks.tolist() == places.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_distributions_of_unit_rows_are_drawn_over_what_a_measure_can_give(name):
    found = distributions(make_set(), candidates=["image", "speech"], measure=name)
    matched = expected_scores(name, *make_set().modalities.values()).diagonal()
    np.testing.assert_allclose(found.matched, -matched if name == "triangle" else matched, atol=1e-7)
    ends = {"triangle": (0, 0.75 * 3**0.5), "singular": (1, 3**0.5), "symile": None}.get(name, (-1, 1))
    if ends:
        assert (found.edges[0], found.edges[-1]) == pytest.approx(ends)
    moved = distributions(make_set(), candidates=["image", "speech"], measure=name, span=(-2.0, 5.0))
    assert (moved.edges[0], moved.edges[-1], moved.auc) == (-2, 5, found.auc)
    assert moved.mismatched_counts.sum() == 12 * 11


@pytest.mark.parametrize(("k", "d"), [(2, 3), (3, 2), (3, 24), (4, 1), (4, 16), (5, 3)])
def test_the_value_of_random_vectors_is_their_average(k, d):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(20_000, k, d))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    grams = rows @ rows.transpose(0, 2, 1)
    averages = {
        "cosine-max": grams[:, 0, 1:].max(axis=1),
        "pairwise-mean": grams[:, *np.triu_indices(k, 1)].mean(axis=1),
        "singular": np.linalg.svd(rows, compute_uv=False)[:, 0],
        "symile": rows.prod(axis=1).sum(axis=1),
    }
    if k == 3:
        first, second = rows[:, 0] - rows[:, 1], rows[:, 0] - rows[:, 2]
        squares = (first**2).sum(axis=1) * (second**2).sum(axis=1)
        averages["triangle"] = np.sqrt(np.maximum(0, squares - (first * second).sum(axis=1) ** 2)) / 2
    for name, values in averages.items():
        allowed = 4.5 * values.std() / math.sqrt(len(values)) + 1e-3 * (name == "singular") + 1e-12
        assert measures.get(name).random_mean(k, d) == pytest.approx(values.mean(), abs=allowed), name
