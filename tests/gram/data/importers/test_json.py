"""JSON Lines and JSON tables."""

import json

import pytest

from gram import EmbeddingSetError
from gram.data.importers import inspect, read, row_errors


def test_a_number_beyond_float64_is_infinite(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": 1, "v": [1, 2]}\n{"id": 2, "v": [1, -' + "7" * 400 + "]}\n")
    [error] = row_errors(inspect(tmp_path / "a.jsonl"))
    assert (error.row, error.what) == (1, "'v' has an infinite value")


def test_whole_numbers_beyond_64_bits_stay_as_text(tmp_path):
    (tmp_path / "a.jsonl").write_text(f'{{"id": {2**70}, "v": [1.5, 2]}}\n{{"id": 2, "v": [1.5, 3]}}\n')
    assert read(inspect(tmp_path / "a.jsonl")).items["id"].tolist() == [str(2**70), "2"]


def test_rows_that_share_no_keys_are_refused_and_rare_keys_are_not(tmp_path):
    rows = [{"id": row, "v": [1.5, row], **({"rare": 1} if row == 9 else {})} for row in range(2000)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert inspect(tmp_path / "a.jsonl").n == 2000
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({**row, f"k{row['id']}": 1}) for row in rows))
    with pytest.raises(EmbeddingSetError, match=r"its objects share too few keys \(1,002 keys in 999 objects\)"):
        inspect(tmp_path / "b.jsonl")


def test_an_object_of_columns_and_one_of_rows(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"id": {"0": "a", "1": "b"}, "v": {"0": [1.5, 2], "1": [3, 4]}}))
    (tmp_path / "b.json").write_text(json.dumps([{"id": "a", "v": [1.5, 2]}, {"id": "b", "v": [3, 4]}]))
    for name in ("a.json", "b.json"):
        features = read(inspect(tmp_path / name))
        assert features.items["id"].tolist() == ["a", "b"]
        assert features.modalities["v"].tolist() == [[1.5, 2], [3, 4]]


def test_half_a_character_is_replaced(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "\\ud800", "v": [1, 2]}\n{"id": "b", "v": [1, 3]}\n')
    assert read(inspect(tmp_path / "a.jsonl")).items["id"].tolist() == ["?", "b"]
