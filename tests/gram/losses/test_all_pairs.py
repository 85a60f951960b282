"""InfoNCE between all pairs of modalities."""

import torch

from gram.losses import (
    all_pairs_info_nce,
    pairwise_info_nce,
    symile_loss,
)
from tests.helpers.oracle import draw


def test_two_modalities_make_the_loss_of_clip_of_some() -> None:
    vectors = draw(9, 2, 6, 8)
    expected = pairwise_info_nce(*vectors)
    torch.testing.assert_close(all_pairs_info_nce(*vectors), expected)
    torch.testing.assert_close(symile_loss(*vectors), expected)
