import numpy as np
import pytest

from gram.diagnostics import find_missing
from tests.helpers.made import aligned, as_set


def test_missing_modalities_are_counted_for_the_task_alone():
    arrays = aligned(n=10, k=4)
    arrays["image"][[1, 2]] = np.nan
    arrays["speech"][2] = np.nan
    arrays["tones"][5] = np.nan
    found = find_missing(as_set(arrays), candidates=["image", "speech"])
    assert found.counts == {"text": 0, "image": 2, "speech": 1}
    assert found.rows.tolist() == [1, 2]


def test_errors():
    with pytest.raises(ValueError, match="'smell' is not in this set"):
        find_missing(as_set(aligned(n=5)), candidates=["smell"])
    with pytest.raises(ValueError, match="is also a candidate"):
        find_missing(as_set(aligned(n=5)), "image", ["image"])
