"""Checks of rows and of media columns; what a whole set refuses is in `test_embedding_set.py`."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram.data.validation import Sources, check_rows, check_set, index_of, media_columns
from gram.errors import EmbeddingSetError

IDS = pd.Series([f"x{row}" for row in range(6)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_missing_rows_are_found(dtype):
    rows = torch.ones(6, 4, dtype=dtype)
    rows[[1, 4]] = torch.nan
    assert check_rows(rows, IDS, "here").tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("value", "message"),
    [(torch.inf, "has an infinite value"), (torch.nan, "is NaN in part"), (0.0, "is all zeros")],
)
def test_a_bad_row_is_named_by_the_numbers_given(value, message):
    rows = torch.ones(2, 4)
    rows[1, : 4 if value == 0 else 2] = value
    with pytest.raises(EmbeddingSetError, match=rf"^here, row 5 \(id 'x5'\) {message}; "):
        check_rows(rows, IDS, "here", numbers=torch.tensor([2, 5]))


def test_a_row_whose_square_underflows_is_not_zero_and_one_that_overflows_is_not_infinite():
    rows = torch.full((2, 4), 1e-30)
    rows[1] = 3e30
    assert not check_rows(rows, IDS, "here").any()


def test_the_index_of_ids_is_returned_and_of_integers_where_they_are():
    items = pd.DataFrame({"id": [5, 7]})
    index = check_set({"a": torch.ones(2, 3)}, items, {}, Sources())
    assert index.get_loc(7) == 1
    assert index_of(pd.Series([0.5, 1.0])).get_loc("1.0") == 1


def test_sizes_may_differ_only_where_no_space_is_shared():
    parts = {"a": torch.ones(2, 3), "b": torch.ones(2, 4)}, pd.DataFrame({"id": [5, 7]}), {}, Sources("vectors")
    check_set(*parts, one_space=False)
    with pytest.raises(EmbeddingSetError, match="vectors: modality 'b' has d = 4, but 'a' has d = 3"):
        check_set(*parts)


@pytest.mark.parametrize("column", ["media", "media_left", "left_media", "listed", "found"])
def test_media_columns_are_found_by_name_by_info_and_by_content(column):
    items = pd.DataFrame({"id": [1, 2], "text": ["a", "b"], column: [np.nan, "media/x.png"]})
    assert media_columns(items, {"media": ["listed"] if column == "listed" else []}) == [column]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("sampled_from", "text", "a whole number, got 'text'"),
        ("sampled_from", True, "a whole number, got True"),
        ("name", {"a": 1}, "a text, got {'a': 1}"),
        ("model", None, "a text, got None"),
        ("encoders", 5, "a list, got 5"),
        ("media_of", "x" * 9000, "an object of columns and modalities, got 'xxx"),
    ],
)
def test_a_field_of_the_wrong_type_is_named_with_what_it_must_be(field, value, expected):
    items = pd.DataFrame({"id": ["a", "b"]})
    with pytest.raises(EmbeddingSetError) as caught:
        check_set({"text": torch.ones(2, 3)}, items, {field: value}, Sources(info="my/info.json"))
    assert f"my/info.json: '{field}' must be {expected}" in str(caught.value)
    assert len(str(caught.value)) < 200
