"""InfoNCE of the anchor with each other modality."""

import numpy as np
import pytest

from gram.losses import pairwise_info_nce
from tests.helpers.loss_scores import cosines, draw, expected_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("modalities", [1, 3])
def test_pairwise_info_nce_follows_its_definition(modalities: int, smoothing: float) -> None:
    anchor, *others = draw(1, modalities + 1, 5, 8)
    found = pairwise_info_nce(anchor, *others, temperature=0.2, label_smoothing=smoothing).item()
    each = [expected_loss(cosines(anchor.numpy(), other.numpy()), 0.2, smoothing) for other in others]
    assert found == pytest.approx(np.mean(each))
