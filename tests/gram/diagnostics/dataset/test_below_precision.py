import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet
from gram.diagnostics import find_below_precision
from tests.helpers.made import aligned, as_set, unit


def test_a_vector_in_the_span_of_the_others_is_not_resolved():
    arrays = aligned(n=30, noise=1.0)
    arrays["speech"][7] = unit(arrays["text"][7] + arrays["image"][7])
    assert find_below_precision(as_set(arrays)).rows.tolist() == [7]
    # Small is not unresolved: these volumes are below 1e-7, and all of their digits hold.
    assert find_below_precision(as_set(aligned(n=30, k=4, noise=1e-3))).rows.tolist() == []


def test_float16_resolves_less():
    arrays = aligned(n=30, noise=1.0)
    arrays["speech"][7] = unit(arrays["text"][7] + arrays["image"][7] + 1e-3 * np.eye(32)[0])
    items = pd.DataFrame({"id": range(30)})
    coarse = EmbeddingSet({name: rows.astype(np.float16) for name, rows in arrays.items()}, items)
    assert find_below_precision(as_set(arrays)).rows.tolist() == []
    assert find_below_precision(coarse).rows.tolist() == [7]
    assert find_below_precision(coarse).dtype == torch.float16


def test_as_many_vectors_as_there_are_dimensions_say_nothing():
    assert find_below_precision(as_set(aligned(n=30, k=4, d=3))).rows.tolist() == []


def test_errors():
    with pytest.raises(ValueError, match="'smell' is not in this set"):
        find_below_precision(as_set(aligned(n=5)), candidates=["smell"])
    with pytest.raises(ValueError, match="is also a candidate"):
        find_below_precision(as_set(aligned(n=5)), "image", ["image"])
