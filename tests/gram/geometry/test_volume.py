import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from gram.geometry import base_and_height, embed_in_3d, gram_matrix, heights, log_volume, pairwise_volume, volume
from tests.helpers.oracle import draw, qr_volume

seeds = st.integers(0, 2**31 - 1)
few = st.integers(1, 6)


def exact_volume(vectors: torch.Tensor) -> float:
    """The determinant in 60 digits, of the very numbers the vectors hold."""
    with mpmath.workdps(60):
        rows = mpmath.matrix(vectors.double().tolist())
        return float(mpmath.sqrt(mpmath.det(rows * rows.T)))


def qr_distance(vector: np.ndarray, rows: np.ndarray) -> float:
    """The distance of a vector from a span, by least squares."""
    coefficients, *_ = np.linalg.lstsq(rows.T, vector, rcond=None)
    return float(np.linalg.norm(vector - rows.T @ coefficients))


def pairs(anchor: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
    """Every anchor stacked with every candidate: (q, n, k, d)."""
    q, n = len(anchor), len(others[0])
    each = [anchor[:, None].expand(q, n, -1), *(other[None].expand(q, n, -1) for other in others)]
    return torch.stack(each, dim=2)


@given(seeds, few, st.integers(1, 9))
def test_volume_is_that_of_lapack(seed: int, k: int, d: int) -> None:
    vectors = draw(seed, 3, k, d)
    np.testing.assert_allclose(volume(vectors).numpy(), qr_volume(vectors), rtol=1e-9, atol=1e-13)


@given(seeds, few, st.integers(6, 12))
def test_volume_survives_rotation_permutation_and_flips(seed: int, k: int, d: int) -> None:
    vectors = draw(seed, k, d)
    rotation = torch.linalg.qr(draw(seed + 1, d, d)).Q
    order = torch.randperm(k, generator=torch.Generator().manual_seed(seed))
    signs = draw(seed + 2, k, 1).sign()
    torch.testing.assert_close(volume(signs * vectors[order] @ rotation), volume(vectors), rtol=1e-9, atol=1e-14)


@given(seeds, few, st.floats(1e-3, 1e3))
def test_volume_scales_with_every_row(seed: int, k: int, scale: float) -> None:
    vectors = draw(seed, k, 8)
    torch.testing.assert_close(volume(scale * vectors), scale**k * volume(vectors), rtol=1e-9, atol=0)
    torch.testing.assert_close(log_volume(scale * vectors), k * math.log(scale) + log_volume(vectors))


@given(seeds, few, st.integers(1, 8))
def test_unit_vectors_have_volume_from_0_to_1(seed: int, k: int, d: int) -> None:
    result = volume(normalize(draw(seed, k, d), dim=-1)).item()
    assert 0 <= result <= 1 + 1e-12
    assert k <= d or result == 0


@given(st.floats(0, math.pi), seeds)
def test_area_of_two_unit_vectors_is_the_sine_of_their_angle(angle: float, seed: int) -> None:
    plane = torch.linalg.qr(draw(seed, 5, 2)).Q.mT
    vectors = torch.stack([plane[0], math.cos(angle) * plane[0] + math.sin(angle) * plane[1]])
    assert volume(vectors).item() == pytest.approx(abs(math.sin(angle)), abs=2e-15, rel=1e-9)


@given(seeds, few)
def test_base_times_height_is_the_volume(seed: int, others: int) -> None:
    anchor, candidates = draw(seed, 4, 8), draw(seed + 1, others, 5, 8)
    base, height = base_and_height(anchor, *candidates)
    expected = qr_volume(pairs(anchor, *candidates))
    np.testing.assert_allclose((base * height).numpy(), expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(pairwise_volume(anchor, *candidates).numpy(), expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(base.numpy(), qr_volume(candidates.transpose(0, 1)), rtol=1e-8, atol=1e-12)


@given(seeds, st.integers(2, 6))
def test_each_height_is_the_distance_from_the_span_of_the_rest(seed: int, k: int) -> None:
    vectors = draw(seed, k, 8)
    expected = [qr_distance(row, np.delete(vectors.numpy(), place, 0)) for place, row in enumerate(vectors.numpy())]
    np.testing.assert_allclose(heights(vectors).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("d", [4, 64, 512])
@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-5])
def test_nearly_equal_float32_vectors_keep_their_volume(noise: float, d: int) -> None:
    centre = normalize(draw(0, 1, d), dim=-1)
    vectors = (centre + noise * normalize(draw(1, 4, d), dim=-1)).float()
    exact = exact_volume(vectors)
    assert 0 < exact < noise**2
    assert volume(vectors).item() == pytest.approx(exact, rel=1e-6)
    assert log_volume(vectors).item() == pytest.approx(math.log(exact), rel=1e-6)
    assert heights(vectors)[0].item() == pytest.approx(exact / exact_volume(vectors[1:]), rel=1e-5)
    assert pairwise_volume(*vectors.unsqueeze(1)).item() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("share", [0.01, 1.0], ids=["few small heights", "only small heights"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_heights_among_many_pairs_are_right(share: float, dtype: torch.dtype) -> None:
    anchor = normalize(draw(0, 100, 16), dim=-1)
    first, second = (normalize(draw(seed, 90, 16), dim=-1) for seed in (1, 2))
    if share == 1:
        anchor, first = normalize(anchor[:1] + 1e-3 * anchor), normalize(anchor[:1] + 1e-3 * first)
    off = 1e-5 * normalize(draw(3, 13, 16), dim=-1)
    anchor[:90:7] = normalize(0.3 * first[::7] + 0.7 * second[::7], dim=-1) + off
    anchor, first, second = (vectors.to(dtype) for vectors in (anchor, first, second))
    _, height = base_and_height(anchor, first, second)
    rows = np.stack([first.double().numpy(), second.double().numpy()], axis=1)
    expected = [[qr_distance(vector, span) for span in rows] for vector in anchor.double().numpy()]
    np.testing.assert_allclose(height.numpy(), expected, rtol=2e-5 if dtype == torch.float32 else 1e-8)
    assert 0 < height.min() < 1e-4


def test_blocks_of_candidates_join_without_a_seam() -> None:
    anchor, first, second = draw(0, 3, 700), draw(1, 400, 700), draw(2, 400, 700)
    expected = qr_volume(pairs(anchor, first, second))
    np.testing.assert_allclose(pairwise_volume(anchor, first, second).numpy(), expected, rtol=1e-9)


DEPENDENT = {
    "equal rows": lambda v: v[[0, 0, 0]],
    "a row twice": lambda v: v[[0, 1, 0]],
    "a sum": lambda v: torch.stack([v[0], v[1], v[0] + v[1]]),
    "opposite rows": lambda v: torch.stack([v[0], -v[0], v[1]]),
    "a zero row": lambda v: torch.stack([v[0], torch.zeros_like(v[0]), v[1]]),
    "zeros": lambda v: torch.zeros_like(v),
    "more rows than dimensions": lambda v: v[:, :2],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", DEPENDENT)
def test_dependent_vectors_have_volume_0_and_gradient_0(case: str, dtype: torch.dtype) -> None:
    vectors = DEPENDENT[case](draw(3, 3, 8, dtype=dtype)).requires_grad_()
    result = volume(vectors)
    assert result.item() == 0
    assert log_volume(vectors).item() == -math.inf
    for function in (volume, log_volume):
        (gradient,) = torch.autograd.grad(function(vectors), vectors)
        assert (gradient == 0).all()
    (gradient,) = torch.autograd.grad(heights(vectors).sum(), vectors)
    assert gradient.isfinite().all()
    assert heights(vectors).prod() == 0
    assert pairwise_volume(*vectors.unsqueeze(1)).item() == 0
    (gradient,) = torch.autograd.grad(pairwise_volume(*vectors.unsqueeze(1)).sum(), vectors)
    assert (gradient == 0).all()


def test_a_dependent_row_takes_no_direction_from_the_others() -> None:
    first, second, third = draw(4, 3, 8)
    both = heights(torch.stack([first, 2 * first, second]))
    assert both[:2].tolist() == [0, 0]
    assert both[2].item() == pytest.approx(qr_distance(second.numpy(), first[None].numpy()))
    base, height = base_and_height(third[None], first[None], 2 * first[None], second[None])
    assert base.item() == 0
    assert height.item() == pytest.approx(qr_distance(third.numpy(), torch.stack([first, second]).numpy()))


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("function", [volume, log_volume, heights, gram_matrix])
def test_gradients_of_one_set(function, k: int) -> None:
    assert torch.autograd.gradcheck(function, draw(5, 2, 3, k, 6).requires_grad_())


@pytest.mark.parametrize("others", [1, 3])
def test_gradients_of_pairs(others: int) -> None:
    anchor = draw(6, 4, 6)
    candidates = draw(7, others, 5, 6)
    anchor[0] = candidates[0, 0] + 1e-2 * anchor[0]  # a small height: worked out from its residual
    inputs = [tensor.requires_grad_() for tensor in (anchor, *candidates.unbind())]
    assert torch.autograd.gradcheck(base_and_height, inputs)
    assert torch.autograd.gradcheck(pairwise_volume, inputs)


@pytest.mark.parametrize("alike", [False, True], ids=["a few small heights", "only small heights"])
@pytest.mark.parametrize("kept", [0, 1 << 20], ids=["computed anew", "kept"])
@pytest.mark.parametrize("candidate_count", [50, 150], ids=["one block", "blocks"])
def test_float32_gradients_of_small_heights_are_those_of_float64(
    alike: bool, kept: int, candidate_count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gram.geometry.autograd._MAX_SAVED", kept)
    monkeypatch.setattr("gram.geometry.orthonormal._WORKSPACE", {"cpu": 1})  # blocks of the least number of candidates
    anchor, candidates = draw(8, 60, 16), draw(9, 3, candidate_count, 16)
    if alike:
        anchor, candidates = anchor[:1] + 1e-3 * anchor, anchor[:1] + 1e-3 * candidates
    anchor[:20] = candidates[1, :20] + 1e-4 * draw(11, 20, 16)
    single = [tensor.float().requires_grad_() for tensor in (anchor, *candidates.unbind())]
    double = [tensor.detach().double().requires_grad_() for tensor in single]
    weights = draw(10, 60, candidate_count)
    found = torch.autograd.grad((pairwise_volume(*single) * weights.float()).sum(), single)
    stacked = pairs(double[0], *double[1:])
    factor = torch.linalg.qr(stacked.mT).R.diagonal(dim1=-2, dim2=-1).abs().prod(-1)
    expected = torch.autograd.grad((factor * weights).sum(), double)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-4 * other.abs().max().item())


def test_the_gradient_by_the_anchor_has_the_length_of_the_base() -> None:
    anchor, *others = (tensor.requires_grad_() for tensor in draw(11, 3, 1, 5).unbind())
    (gradient,) = torch.autograd.grad(pairwise_volume(anchor, *others), anchor)
    assert gradient.norm().item() == pytest.approx(base_and_height(anchor, *others)[0].item())


def test_the_gradient_can_be_taken_once_only() -> None:
    vectors = draw(12, 3, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(volume(vectors), vectors, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        (gradient.sum() + vectors.square().sum()).backward()


def test_missing_rows_are_left_out() -> None:
    vectors = draw(13, 4, 8)
    holed = vectors.clone()
    holed[1] = torch.nan
    rest = vectors[[0, 2, 3]]
    torch.testing.assert_close(volume(holed), volume(rest))
    torch.testing.assert_close(log_volume(holed), log_volume(rest))
    torch.testing.assert_close(heights(holed)[[0, 2, 3]], heights(rest))
    assert heights(holed)[1].isnan()
    torch.testing.assert_close(pairwise_volume(*holed.unsqueeze(1)), volume(rest).reshape(1, 1))
    for function in (volume, log_volume):
        assert function(torch.full((2, 3), torch.nan)).isnan()
    base, height = base_and_height(vectors[:1], torch.full((1, 8), torch.nan))
    assert base.item() == 1
    assert height.item() == pytest.approx(vectors[0].norm().item())
    assert pairwise_volume(holed[1:2], vectors[:1]).isnan().all()


def test_a_row_with_one_nan_is_an_error_that_shows() -> None:
    vectors = draw(14, 3, 5)
    vectors[1, 2] = torch.nan
    assert volume(vectors).isnan()
    assert pairwise_volume(*vectors.unsqueeze(1)).isnan().all()


def test_missing_rows_take_no_gradient_and_leave_the_others_theirs() -> None:
    holed = draw(15, 3, 2, 6)
    holed[1, 0] = torch.nan
    inputs = [tensor.clone().requires_grad_() for tensor in holed.unbind()]
    gradients = torch.autograd.grad(pairwise_volume(*inputs).sum(), inputs)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (gradients[1][0] == 0).all()
    assert all(gradient[0].any() for gradient in (gradients[0], gradients[2]))


def test_the_gram_matrix_holds_all_inner_products() -> None:
    vectors = draw(16, 2, 3, 4)
    np.testing.assert_allclose(gram_matrix(vectors).numpy(), np.einsum("bid,bjd->bij", vectors, vectors))


KINDS = [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)]


@pytest.mark.parametrize(("given_dtype", "dtype"), KINDS)
def test_numpy_in_numpy_out(given_dtype: type, dtype: type) -> None:
    vectors = np.array([[[3, 0, 1], [1, 2, 0]], [[1, 1, 1], [0, 2, 5]]], dtype=given_dtype)
    vectors.flags.writeable = False
    for function in (gram_matrix, volume, log_volume, heights):
        result = function(vectors[:, ::-1])
        assert isinstance(result, np.ndarray)
        assert result.dtype == dtype
    np.testing.assert_allclose(volume(vectors), qr_volume(torch.from_numpy(vectors.astype(float))), rtol=1e-6)
    base, height = base_and_height(*vectors)
    assert base.dtype == height.dtype == pairwise_volume(*vectors).dtype == dtype
    points, distortion = embed_in_3d(vectors[0])
    assert points.dtype == dtype
    assert isinstance(distortion, float)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(half: torch.dtype) -> None:
    vectors = draw(19, 3, 4, 8).to(half).requires_grad_()
    assert volume(vectors).dtype == torch.float32
    torch.testing.assert_close(volume(vectors), volume(vectors.float()))
    pairwise_volume(*vectors).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.dtype == half


def test_autocast_does_not_touch_the_products() -> None:
    anchor, *others = draw(20, 3, 5, 8, dtype=torch.float32)
    expected = pairwise_volume(anchor, *others)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(pairwise_volume(anchor, *others), expected)
        assert gram_matrix(anchor).dtype == torch.float32


def test_empty_batches() -> None:
    assert volume(torch.zeros(0, 3, 4)).shape == (0,)
    assert heights(torch.zeros(2, 0, 3, 4)).shape == (2, 0, 3)
    assert pairwise_volume(torch.zeros(0, 4), torch.zeros(5, 4)).shape == (0, 5)
    assert pairwise_volume(torch.zeros(5, 4), torch.zeros(0, 4)).shape == (5, 0)


def test_inputs_are_left_as_they_are() -> None:
    vectors = draw(21, 3, 4, 8)
    before = vectors.clone()
    for function in (volume, log_volume, heights, gram_matrix):
        function(vectors)
    pairwise_volume(*vectors)
    embed_in_3d(vectors[0])
    assert torch.equal(vectors, before)


@pytest.mark.parametrize("function", [gram_matrix, volume, log_volume, heights])
@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0)])
def test_vectors_of_a_wrong_shape_are_named(function, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"vectors: expected shape \(\.\.\., k, d\)"):
        function(torch.zeros(shape))


@pytest.mark.parametrize("function", [base_and_height, pairwise_volume])
def test_pairs_of_wrong_shapes_are_named(function) -> None:
    a = torch.zeros
    with pytest.raises(ValueError, match="others: expected at least one other modality"):
        function(a(2, 3))
    with pytest.raises(ValueError, match=r"others\[0\]: expected shape \(n, d\)"):
        function(a(2, 3), a(3))
    with pytest.raises(ValueError, match=r"others\[1\]: expected shape \(5, 3\) as others\[0\], got \(4, 3\)"):
        function(a(2, 3), a(5, 3), a(4, 3))
    with pytest.raises(ValueError, match=r"anchor: expected shape \(q, 3\) to fit the others, got \(2, 4\)"):
        function(a(2, 4), a(5, 3))
    with pytest.raises(ValueError, match=r"others\[1\]: expected on meta"):
        function(a(2, 3), a(5, 3, device="meta"), a(5, 3))
    with pytest.raises(ValueError, match="anchor: expected on meta as the others, got on cpu"):
        function(a(2, 3), a(5, 3, device="meta"))


def test_arrays_of_a_wrong_kind_are_named() -> None:
    with pytest.raises(ValueError, match="only torch tensors or only numpy arrays, got Tensor, ndarray"):
        pairwise_volume(torch.zeros(2, 3), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="got list"):
        volume([[1.0, 0.0]])
    with pytest.raises(ValueError, match="real numbers, got dtype complex128"):
        volume(np.zeros((2, 3), dtype=complex))
    with pytest.raises(ValueError, match="real numbers, got a complex tensor"):
        volume(torch.zeros(2, 3, dtype=torch.complex64))


def test_the_examples_in_the_docstrings() -> None:
    import doctest

    import gram.geometry.volume

    assert doctest.testmod(gram.geometry).failed == 0
