import doctest
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gram
from gram import measures

NAMES = ["volume", "height", "cosine", "centroid"]


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def expected_score(name: str, anchor: np.ndarray, candidate: np.ndarray) -> float:
    """One pair, in numpy, from the definitions."""
    if name == "volume":
        rows = np.vstack([anchor, candidate])
        return -abs(np.diagonal(np.linalg.qr(rows.T, mode="r"))).prod()
    if name == "height":
        return -np.linalg.norm(anchor - candidate.T @ np.linalg.lstsq(candidate.T, anchor, rcond=None)[0])
    units = candidate / np.linalg.norm(candidate, axis=1, keepdims=True)
    if name == "cosine":
        return float(np.mean(units @ anchor) / np.linalg.norm(anchor))
    centroid = units.mean(axis=0)
    return float(centroid @ anchor / np.linalg.norm(centroid) / np.linalg.norm(anchor))


def expected_scores(name: str, anchor: torch.Tensor, *others: torch.Tensor) -> np.ndarray:
    candidates = np.stack([other.numpy() for other in others], axis=1)
    return np.array([[expected_score(name, row, rows) for rows in candidates] for row in anchor.numpy()])


def test_the_registry_lists_its_measures() -> None:
    assert measures.names()[: len(NAMES)] == NAMES
    for name in measures.names():
        measure = measures.get(name)
        assert measure.name == name
        assert measure.title
        assert measure.formula.count("{") == measure.formula.count("}")
        assert "t" in measure.formula
        assert measure.help.endswith(".")
        assert "\n" not in measure.help


def test_an_unknown_measure_lists_those_there_are() -> None:
    for call in (lambda: measures.get("size"), lambda: measures.score("size", draw(0, 2, 3), draw(1, 2, 3))):
        with pytest.raises(ValueError, match=r"measure: expected one of volume, height, cosine, centroid.*'size'"):
            call()


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**31 - 1), modalities=st.integers(1, 4))
def test_scores_follow_their_definition(name: str, seed: int, modalities: int) -> None:
    anchor, others = draw(seed, 3, 6), draw(seed + 1, modalities, 4, 6)
    np.testing.assert_allclose(
        gram.score(name, anchor, *others).numpy(), expected_scores(name, anchor, *others), rtol=1e-7, atol=1e-10
    )


@pytest.mark.parametrize("name", NAMES)
def test_blocks_and_pairs_give_what_the_whole_gives(name: str) -> None:
    measure = measures.get(name)
    anchor, *others = draw(2, 3, 300, 20).float()
    whole = measures.score(measure, anchor, *others)
    blocks = [
        torch.cat([measure.scores(anchor[part], prepared) for part in (slice(0, 7), slice(7, None))])
        for start in (0, 150)
        for prepared in [measure.prepare(*(other[start : start + 150] for other in others))]
    ]
    torch.testing.assert_close(torch.cat(blocks, dim=1), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(measures.paired_score(name, anchor, *others), whole.diagonal(), rtol=1e-5, atol=1e-6)


def test_volume_is_minus_the_volume_of_the_geometry() -> None:
    anchor, *others = draw(3, 4, 50, 12).float()
    base, height = gram.base_and_height(anchor, *others)
    torch.testing.assert_close(gram.score("volume", anchor, *others), -gram.pairwise_volume(anchor, *others))
    torch.testing.assert_close(gram.score("volume", anchor, *others), -base * height)
    torch.testing.assert_close(gram.score("height", anchor, *others), -height)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_modality_is_left_out(name: str) -> None:
    anchor, first, second, third = draw(4, 4, 3, 8)
    expected = expected_scores(name, anchor, first, second, third)
    expected[:, 0] = expected_scores(name, anchor, second, third)[:, 0]
    expected[:, 1] = expected_scores(name, anchor, second)[:, 1]
    first[:2] = torch.nan
    third[1] = torch.nan
    np.testing.assert_allclose(gram.score(name, anchor, first, second, third).numpy(), expected, rtol=1e-7)
    np.testing.assert_allclose(
        measures.paired_score(name, anchor, first, second, third).numpy(), expected.diagonal(), rtol=1e-7
    )


@pytest.mark.parametrize("name", ["volume", "height"])
def test_a_vector_joins_what_is_prepared(name: str) -> None:
    anchor, first, second = draw(7, 3, 5, 8)
    joined, other = draw(8, 2, 8)
    first[0] = second[0] = torch.nan
    second[1] = torch.nan
    first[2] = 2 * joined  # it adds nothing to this one's span: no volume, and the height stays
    expected = np.array(
        [
            [
                expected_score(name, row, np.array([joined.numpy(), other.numpy(), *own[~np.isnan(own[:, 0])]]))
                for own in torch.stack([first, second], dim=1).numpy()
            ]
            for row in anchor.numpy()
        ]
    )
    measure = measures.get(name)
    prepared = measure.join(other, measure.join(joined, measure.prepare(first, second)))
    np.testing.assert_allclose(measure.scores(anchor, prepared).numpy(), expected, rtol=1e-9, atol=1e-12)
    if name == "volume":
        assert (measure.scores(anchor, prepared)[:, 2] == 0).all()


def test_not_every_measure_takes_a_vector_in_later() -> None:
    prepared = measures.get("cosine").prepare(draw(0, 2, 3))
    with pytest.raises(ValueError, match=r"cosine cannot join a vector to what is prepared; prepare again"):
        measures.get("cosine").join(draw(1, 3), prepared)


@pytest.mark.parametrize("name", measures.names(3))
def test_nothing_to_compare(name: str) -> None:
    anchor, first, second = draw(5, 3, 3, 8)
    first[1] = second[1] = torch.nan
    anchor[2] = torch.nan
    result = gram.score(name, anchor, first, second)
    assert result[:2, 1].tolist() == [-math.inf, -math.inf]
    assert result[:2, [0, 2]].isfinite().all()
    assert result[2].isnan().all()
    paired = measures.paired_score(name, anchor, first, second)
    assert paired[0].isfinite()
    assert paired[1] == -math.inf
    assert paired[2].isnan()


@pytest.mark.parametrize("name", NAMES)
def test_zero_vectors_score_0_or_what_is_left(name: str) -> None:
    anchor, first, second = draw(6, 3, 2, 8)
    zero = torch.zeros_like(anchor)
    assert (gram.score(name, zero, first, second) == 0).all()
    expected = {
        "volume": np.zeros((2, 2)),
        "height": expected_scores("height", anchor, second),
        "cosine": expected_scores("cosine", anchor, second) / 2,
        "centroid": expected_scores("centroid", anchor, second),
    }
    np.testing.assert_allclose(gram.score(name, anchor, zero, second).numpy(), expected[name], rtol=1e-7)
    assert gram.score("cosine", anchor, zero).tolist() == [[0, 0], [0, 0]]
    assert gram.score("centroid", anchor, first, -first).diagonal().tolist() == [0, 0]


@pytest.mark.parametrize("name", NAMES)
def test_the_kind_and_precision_of_the_arguments_come_back(name: str) -> None:
    anchor, *others = draw(7, 3, 4, 8)
    single = gram.score(name, *(tensor.numpy().astype(np.float32) for tensor in (anchor, *others)))
    assert isinstance(single, np.ndarray)
    assert single.dtype == np.float32
    assert gram.score(name, anchor.half(), *(other.bfloat16() for other in others)).dtype == torch.float32
    assert gram.score(name, anchor, *(other.float() for other in others)).dtype == torch.float64
    np.testing.assert_allclose(single, gram.score(name, anchor, *others).numpy(), rtol=1e-4, atol=1e-6)


def test_scores_carry_no_gradient() -> None:
    anchor, other = draw(8, 2, 3, 4).requires_grad_()
    assert not any(gram.score(name, anchor, other).requires_grad for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_that_do_not_fit_are_named(name: str) -> None:
    measure = measures.get(name)
    prepared = measure.prepare(draw(9, 5, 4))
    with pytest.raises(ValueError, match=r"anchor: expected shape \(q, 4\) to fit the others, got \(2, 3\)"):
        measure.scores(draw(9, 2, 3), prepared)
    with pytest.raises(ValueError, match="anchor: expected on cpu as the others, got on meta"):
        measure.scores(torch.zeros(2, 4, device="meta"), prepared)
    with pytest.raises(ValueError, match="anchor: expected 5 rows, one for each candidate, got 2"):
        measure.paired_scores(draw(9, 2, 4), prepared)
    with pytest.raises(ValueError, match="others: expected at least one other modality"):
        gram.score(name, draw(9, 2, 3))
    with pytest.raises(ValueError, match=r"others\[1\]: expected shape"):
        measures.paired_score(name, draw(9, 2, 3), draw(9, 2, 3), draw(9, 3, 3))


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(measures).failed == 0
