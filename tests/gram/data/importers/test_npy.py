"""NumPy's .npy: mapped, in any order of its numbers."""

import numpy as np
import pytest
import torch

from gram import EmbeddingSetError
from gram.data.importers import inspect, read


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_mapped_in_either_order(order, tmp_path):
    array = np.asarray(np.arange(15, dtype=np.float32).reshape(5, 3) + 1, order=order)
    np.save(tmp_path / "text.npy", array)
    read_back = read(inspect(tmp_path / "text.npy")).modalities["text"]
    assert torch.equal(read_back, torch.from_numpy(np.ascontiguousarray(array)))
    if order == "C":  # in place: what changes on disk is seen
        with (tmp_path / "text.npy").open("r+b") as file:
            file.seek(-4, 2)
            file.write(np.float32(99).tobytes())
        assert read_back[4, 2] == 99


def test_another_axis_of_length_one_is_dropped(tmp_path):
    np.save(tmp_path / "text.npy", np.ones((5, 1, 3), np.float32))
    assert inspect(tmp_path / "text.npy").columns[0].shape == (5, 3)


def test_a_shape_of_truth_values_is_refused(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (True, 3), }".ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(12))
    with pytest.raises(EmbeddingSetError, match="its header is damaged"):
        inspect(tmp_path / "a.npy")
