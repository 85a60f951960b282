"""Training on few numbers."""

import pytest
import torch

from gram.datasets.spoken_numbers import numbers_of
from gram.training.spoken_numbers import pool as pool_module
from gram.training.spoken_numbers.embedding import split_items


@pytest.fixture(autouse=True)
def _few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on 24 numbers and rank 12, so that a run takes a second."""
    monkeypatch.setattr(pool_module, "numbers_of", lambda split: numbers_of(split)[:24])
    monkeypatch.setattr("gram.training.spoken_numbers.train.split_items", lambda split: split_items(split).iloc[:12])
    torch.set_num_threads(1)
