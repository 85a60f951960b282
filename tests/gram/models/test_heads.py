"""Heads: what they take, and what they refuse."""

from dataclasses import replace

import pytest
import torch

from gram.errors import ModelError
from gram.models.checkpoint import load_heads, save_heads
from gram.training.align import align
from tests.helpers.planted_features import QUICK, planted


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("heads")
    save_heads(align(planted(100), replace(QUICK, steps=2, evaluations=1)).heads, folder)
    return folder


def test_features_that_do_not_fit_the_heads_are_refused(saved):
    heads = load_heads(saved, device="cpu")
    with pytest.raises(ModelError, match="audio is missing"):
        heads.apply_to(planted(5, {"text": 6, "image": 240}))
    with pytest.raises(ModelError, match="image takes 241 numbers a row, and these have 11"):
        heads.apply_to(planted(5, {"text": 6, "image": 10, "audio": 30}))
    with pytest.raises(ModelError, match="no modality 'smell'"):
        heads.encode("smell", torch.zeros(1, 3))
