"""Arguments: numpy or torch in, the same kind out, in the right precision; errors name what is wrong."""

import numpy as np
import pytest
import torch

from gram.geometry.arrays import as_anchor, as_candidates, as_pairs, as_vectors, through_torch


@pytest.mark.parametrize(("given", "expected"), [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), (">f8", "f8")])
def test_numpy_comes_back_as_numpy(given, expected):
    array = np.ones((2, 3), dtype=given)
    result = through_torch(as_vectors, array)
    assert isinstance(result, np.ndarray)
    assert result.dtype == np.dtype(expected)


def test_a_read_only_array_is_not_written_to():
    array = np.ones((2, 3))
    array.flags.writeable = False
    first, second = through_torch(lambda rows: (rows.mul_(2), rows), array)
    assert (array == 1).all()
    assert (first == 2).all()
    assert (second == 2).all()


def test_torch_keeps_its_graph():
    rows = torch.ones(2, 3, requires_grad=True)
    assert through_torch(lambda given: given * 2, rows).requires_grad


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((torch.ones(2), np.ones(2)), "only torch tensors or only numpy arrays, got Tensor, ndarray"),
        (([1.0],), "got list"),
        ((np.array(["a"]),), "expected an array of real numbers, got dtype"),
        ((np.ones(2, dtype=complex),), "expected an array of real numbers, got dtype complex128"),
    ],
)
def test_other_arrays_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        through_torch(lambda *given: given[0], *arrays)


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0)])
def test_vectors_need_two_axes_that_are_not_empty(shape):
    with pytest.raises(ValueError, match=r"vectors: expected shape \(\.\.\., k, d\)"):
        as_vectors(torch.ones(shape))


def test_complex_tensors_are_refused():
    with pytest.raises(ValueError, match="got a complex tensor"):
        as_vectors(torch.ones(2, 3, dtype=torch.complex64))


def test_pairs_take_the_widest_precision():
    anchor, others = as_pairs(torch.ones(2, 3), torch.ones(4, 3).half(), torch.ones(4, 3).double())
    assert {anchor.dtype, *(other.dtype for other in others)} == {torch.float64}
    assert as_anchor(torch.ones(2, 3).half(), torch.ones(4, 3), torch.float32).dtype == torch.float32


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ((), "at least one other modality"),
        ((torch.ones(3),), r"others\[0\]: expected shape \(n, d\)"),
        ((torch.ones(4, 3), torch.ones(5, 3)), r"others\[1\]: expected shape \(4, 3\) as others\[0\], got \(5, 3\)"),
        ((torch.ones(4, 3), torch.ones(4, 3, device="meta")), r"others\[1\]: expected on cpu"),
    ],
)
def test_candidates_that_do_not_fit_are_named(others, message):
    with pytest.raises(ValueError, match=message):
        as_candidates(*others)


def test_anchors_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"anchor: expected shape \(q, 3\) to fit the others, got \(2, 4\)"):
        as_pairs(torch.ones(2, 4), torch.ones(4, 3))
    with pytest.raises(ValueError, match="anchor: expected on cpu as the others, got on meta"):
        as_pairs(torch.ones(2, 3, device="meta"), torch.ones(4, 3))
