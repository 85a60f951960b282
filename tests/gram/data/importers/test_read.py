"""Sets that are read: kinds of numbers, faults by row, and roles that do not fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gram import EmbeddingSetError
from gram.data.importers import RowError, inspect, read, row_errors
from tests.helpers.importer_files import make_vectors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modalities": {}}, "no modality is chosen"),
        ({"modalities": {"text": "x"}}, "has no column 'x'; it has text, video"),
        ({"modalities": {"text": "id"}}, "'id' holds a single value an item; choose another"),
        ({"id": "text"}, "'text' holds a vector an item; choose another"),
        ({"anchor": "smell"}, "'smell' is not among the modalities text"),
    ],
)
def test_plans_that_do_not_fit(change, message, tmp_path):
    np.savez(tmp_path / "a.npz", **make_vectors(), id=list("abcdefg"))
    found = inspect(tmp_path / "a.npz")
    plan = replace(found.roles, **change)
    with pytest.raises(EmbeddingSetError, match=message):
        read(found, plan)
    assert message.split(" ")[0] in row_errors(found, plan)[0].what


def test_kinds_of_numbers(tmp_path):
    x = torch.arange(12.0).reshape(4, 3) + 1
    kinds = {"bf": torch.bfloat16, "double": torch.float64, "half": torch.float16, "single": torch.float32}
    save_file({name: x.to(kind) for name, kind in kinds.items()}, tmp_path / "a.safetensors")
    features = read(inspect(tmp_path / "a.safetensors"))
    assert {name: str(tensor.dtype) for name, tensor in features.modalities.items()} == {
        "bf": "torch.float32", "double": "torch.float32", "half": "torch.float16", "single": "torch.float32",
    }  # fmt: skip
    np.save(tmp_path / "a.npy", np.arange(12, dtype=">i8").reshape(4, 3) + 1)
    found = inspect(tmp_path / "a.npy")
    assert "'a' holds whole numbers (int64); they become float32." in found.notes
    assert torch.equal(read(found).modalities["a"], x)
    np.save(tmp_path / "f.npy", np.asfortranarray(x.numpy()))
    assert torch.equal(read(inspect(tmp_path / "f.npy")).modalities["f"], x)


def test_null_cells_are_missing_and_odd_cells_are_problems(tmp_path):
    rows = [
        {"id": "a", "text": [1, 2], "video": [1, 2, 3]},
        {"id": "b", "text": None, "video": [0, 0, 0]},
        {"id": "c", "text": [1, 2, 3], "video": [1, None, 3]},
        {"id": "d", "text": "no", "video": [1, 2, 1e400]},
        {"id": "e", "text": [1, "x"], "video": []},
        {"id": "f", "text": [3, 4]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = inspect(tmp_path / "a.jsonl")
    assert row_errors(found) == [
        RowError(1, "b", "'video' is all zeros, and has no direction"),
        RowError(2, "c", "'text' has 3 numbers, but most rows have 2"),
        RowError(2, "c", "'video' is NaN in part (1 of 3 numbers)"),
        RowError(3, "d", "'text' is 'no', which is no list of numbers"),
        RowError(3, "d", "'video' has an infinite value"),
        RowError(4, "e", "'text' holds 'x' among its numbers"),
    ]
    with pytest.raises(
        EmbeddingSetError, match=r"'text', row 2 \(id 'c'\) has 3 numbers, but most rows have 2; repair"
    ):
        read(found)
    kept = read(found, without=[1, 2, 3, 4])
    assert kept.items["id"].tolist() == ["a", "f"]
    assert kept.missing() == {"text": 0, "video": 1}
