"""Devices by name."""

import pytest
import torch

from gram.core.device import select_device
from gram.errors import DeviceError


def test_auto_is_the_gpu_where_there_is_one(monkeypatch):
    for available, expected in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert select_device("auto").type == select_device().type == expected
        assert select_device("cpu").type == "cpu"


def test_a_device_may_be_given_as_such():
    assert select_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["toaster", "cuda", "cuda:1", "meta", "mps"])
def test_others_are_refused_in_one_line(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=f"^device: '{name}' is not available here; use 'auto' or 'cpu'$"):
        select_device(name)
