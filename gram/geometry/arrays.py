"""Arguments of the public functions: numpy or torch in, the same kind out; checks of shapes and devices."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

ArrayT = TypeVar("ArrayT", Tensor, np.ndarray)


@overload
def through_torch(function: Callable[..., Tensor], *arrays: ArrayT) -> ArrayT: ...
@overload
def through_torch(function: Callable[..., tuple[Tensor, Tensor]], *arrays: ArrayT) -> tuple[ArrayT, ArrayT]: ...
def through_torch(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return what `function`, written for torch tensors, gives for these arrays, as the kind that came in.

    Raises:
        ValueError: when the arrays are neither all torch tensors nor all numpy arrays, or hold no numbers.
    """
    if all(isinstance(array, Tensor) for array in arrays):
        return function(*arrays)
    if not all(isinstance(array, np.ndarray) for array in arrays):
        kinds = ", ".join(type(array).__name__ for array in arrays) or "nothing"
        raise ValueError(f"expected only torch tensors or only numpy arrays, got {kinds}: convert them first")
    with torch.no_grad():
        result = function(*(_from_numpy(array) for array in arrays))
    if isinstance(result, tuple):
        return tuple(part.numpy() for part in result)
    return result.numpy()


def _from_numpy(array: np.ndarray) -> Tensor:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"expected an array of real numbers, got dtype {array.dtype}: convert it to float32")
    dtype = array.dtype if array.dtype in (np.float16, np.float32, np.float64) else np.float64
    array = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("="))
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def as_vectors(vectors: Tensor, name: str = "vectors") -> Tensor:
    """Return `vectors` (*batch, k, d) in the precision of the result: float64 stays, the rest is float32."""
    if vectors.ndim < 2 or vectors.shape[-2] < 1 or vectors.shape[-1] < 1:
        raise ValueError(
            f"{name}: expected shape (..., k, d) with k >= 1 vectors of d >= 1 numbers, "
            f"got {tuple(vectors.shape)}: give each vector a row"
        )
    return vectors.to(_result_dtype(vectors))


def as_pairs(anchor: Tensor, *others: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the anchors (q, d) and the others (n, d), checked and in one precision: that of the result.

    Raises:
        ValueError: when there is no other modality, or the shapes or devices do not fit.
    """
    others = as_candidates(*others)
    anchor = as_anchor(anchor, others[0], others[0].dtype)
    return anchor, tuple(other.to(anchor.dtype) for other in others)


def as_anchor(anchor: Tensor, candidates: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the anchors (q, d) in the precision of a result with candidates (n, ..., d) of this dtype.

    Raises:
        ValueError: when the anchors do not fit the candidates in length or device.
    """
    d = candidates.shape[-1]
    if anchor.ndim != 2 or anchor.shape[1] != d:
        raise ValueError(f"anchor: expected shape (q, {d}) to fit the others, got {tuple(anchor.shape)}")
    if anchor.device != candidates.device:
        raise ValueError(
            f"anchor: expected on {candidates.device} as the others, got on {anchor.device}: move them together"
        )
    return anchor.to(torch.promote_types(_result_dtype(anchor), dtype))


def as_candidates(*others: Tensor) -> tuple[Tensor, ...]:
    """Return the other modalities, matrices (n, d) of one shape on one device, in one precision.

    Raises:
        ValueError: when there is none, or one does not fit the first.
    """
    if not others:
        raise ValueError("others: expected at least one other modality, shape (n, d), got none")
    first = others[0]
    if first.ndim != 2 or first.shape[1] < 1:
        raise ValueError(f"others[0]: expected shape (n, d) with d >= 1, got {tuple(first.shape)}")
    for place, other in enumerate(others):
        if other.shape != first.shape:
            raise ValueError(
                f"others[{place}]: expected shape {tuple(first.shape)} as others[0], got {tuple(other.shape)}: "
                "row i of every modality must be item i"
            )
        if other.device != first.device:
            raise ValueError(
                f"others[{place}]: expected on {first.device} as others[0], got on {other.device}: move them together"
            )
    dtype = _result_dtype(*others)
    return tuple(other.to(dtype) for other in others)


def _result_dtype(*tensors: Tensor) -> torch.dtype:
    if any(tensor.is_complex() for tensor in tensors):
        raise ValueError("expected real numbers, got a complex tensor: take its real part first")
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
