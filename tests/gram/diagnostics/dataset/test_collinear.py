import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet
from gram.diagnostics import find_collinear
from tests.helpers.made import aligned, as_set, unit


def test_vectors_on_one_line_are_named_with_their_modalities():
    arrays = aligned(n=30)
    arrays["speech"][4] = 2 * arrays["image"][4]
    arrays["speech"][9] = -arrays["text"][9]
    arrays["speech"][12] = unit(arrays["image"][12] + 0.01 * arrays["text"][3])  # near, but no determinant is lost
    found = find_collinear(as_set(arrays)).pairs
    assert [(pair.first, pair.second, pair.rows.tolist(), pair.items) for pair in found] == [
        ("text", "speech", [9], 30),
        ("image", "speech", [4], 30),
    ]


def test_rows_are_those_of_any_pair_and_the_limit_is_that_of_the_coarsest_vectors():
    arrays = aligned(n=30)
    arrays["speech"][[4, 9]] = arrays["image"][4], -arrays["text"][9]
    aside = np.cross(arrays["image"][[20, 21], :3], [0, 0, 1]) @ np.eye(3, 32)  # at right angles
    arrays["speech"][[20, 21]] = arrays["image"][[20, 21]] + np.array([[2e-4], [6e-4]]) * unit(aside)
    assert find_collinear(as_set(arrays)).rows.tolist() == [4, 9, 20]
    items = pd.DataFrame({"id": range(30)})
    coarse = EmbeddingSet({name: rows.astype(np.float16) for name, rows in arrays.items()}, items)
    assert find_collinear(coarse).rows.tolist() == [4, 9, 20, 21]
    assert find_collinear(coarse).limit > find_collinear(as_set(arrays)).limit == pytest.approx(2**-11.5)


def test_errors():
    with pytest.raises(ValueError, match="'smell' is not in this set"):
        find_collinear(as_set(aligned(n=5)), candidates=["smell"])
    with pytest.raises(ValueError, match="is also a candidate"):
        find_collinear(as_set(aligned(n=5)), "image", ["image"])
