"""GRAM beside pairwise InfoNCE."""

import math

import numpy as np
import pytest
import torch

from gram.losses import (
    GramPairwiseLoss,
    PairwiseInfoNCE,
    gram_loss,
    gram_pairwise_loss,
)
from tests.helpers.loss_oracle import gram_and_pairwise
from tests.helpers.oracle import draw


def test_a_weight_follows_its_definition() -> None:
    vectors = draw(1, 3, 5, 8)
    for weight in (0, 0.25):
        found = gram_pairwise_loss(*vectors, temperature=0.2, label_smoothing=0.1, pairwise_weight=weight)
        assert found.item() == pytest.approx(gram_and_pairwise(vectors.numpy(), 0.2, 0.1, weight))
        module = GramPairwiseLoss(0.2, pairwise_weight=weight)
        assert module(*vectors).item() == pytest.approx(found.item())
        assert f"pairwise_weight={weight}" in repr(module)


def test_a_weight_of_0_leaves_the_gram_loss() -> None:
    vectors = draw(17, 3, 4, 6)
    torch.testing.assert_close(gram_pairwise_loss(*vectors, pairwise_weight=0), gram_loss(*vectors))
    both = gram_loss(*vectors) + PairwiseInfoNCE()(*vectors)
    assert np.isclose(gram_pairwise_loss(*vectors).item(), both.item())


def test_a_weight_out_of_range_is_named() -> None:
    vectors = draw(16, 4, 4, 6)
    for weight in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="pairwise_weight: expected a number from 0"):
            gram_pairwise_loss(*vectors, pairwise_weight=weight)
        with pytest.raises(ValueError, match="pairwise_weight: expected a number from 0"):
            GramPairwiseLoss(pairwise_weight=weight)
