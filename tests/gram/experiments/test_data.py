"""The items of a budget: rendered once, kept on disk, of any length."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gram.experiments.data import Ragged, data_folder, is_prepared, load_data, prepare_data
from tests.helpers.experiment_tables import QUICK

pytestmark = pytest.mark.timeout(900)


def test_examples_of_unlike_lengths_lie_end_to_end() -> None:
    values = np.arange(12.0).reshape(6, 2)
    examples = Ragged(values, np.array([1, 4, 6]))
    assert len(examples) == 3
    assert examples[1].tolist() == [[2, 4, 6], [3, 5, 7]]
    assert [each.shape for each in examples[1:]] == [(2, 3), (2, 2)]


def test_kept_items_are_read_and_not_rendered_again(quick, tmp_path) -> None:
    assert is_prepared(quick.runs, QUICK)
    assert not is_prepared(tmp_path, QUICK)
    told = []
    data = prepare_data(quick.runs, QUICK, progress=lambda share, stage: told.append(share))
    assert told == []
    assert {part: len(items) for part, items in data.items.items()} == {"train": 144, "validation": 24, "test": 64}
    assert sum(map(len, data.items.values())) == QUICK.items
    speech = data.examples["train"]["speech"]
    assert len(speech) == 144
    assert len({each.shape[-1] for each in speech[:20]}) > 1
    values = torch.cat([each.float().flatten() for each in data.examples["train"]["image"][:144]])
    assert data.spread("image") == pytest.approx(float(values.std()))
    first, again = (load_data(quick.runs, QUICK).examples["test"]["image"][5] for _ in range(2))
    assert torch.equal(first, again)


def test_another_budget_has_items_of_its_own(tmp_path) -> None:
    assert data_folder(tmp_path, QUICK.with_seeds(7)) == data_folder(tmp_path, QUICK)
    assert data_folder(tmp_path, replace(QUICK, numbers=145)) != data_folder(tmp_path, QUICK)
