"""safetensors: tensors are mapped, headers are bounded."""

import json

import pytest
import torch
from safetensors.torch import save_file

from gram import EmbeddingSetError
from gram.data.importers import inspect, read


def test_tensors_are_mapped_and_numbers_kept_with_the_items(tmp_path):
    save_file({"text": torch.ones(4, 3), "score": torch.arange(4.0).bfloat16()}, tmp_path / "a.safetensors")
    features = read(inspect(tmp_path / "a.safetensors"))
    assert features.items["score"].tolist() == [0, 1, 2, 3]
    assert features.modalities["text"].tolist() == [[1] * 3] * 4


def test_too_long_a_header_is_refused(tmp_path):
    header = json.dumps(
        {"__metadata__": {"a": "x" * 2**23}, "t": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}
    )
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(8))
    with pytest.raises(EmbeddingSetError, match=r"its header has 8.39 MB; save fewer tensors in a file"):
        inspect(path)
