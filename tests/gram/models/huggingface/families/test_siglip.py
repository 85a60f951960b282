"""SigLIP against the model called directly, one text at a time."""

import numpy as np
import torch

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, direct, load, tokens_of


@torch.no_grad()
def test_siglip_texts_are_padded_to_full_length_without_a_mask(made):
    folder = made("siglip")
    model, texts = direct(folder, "SiglipModel"), tiny.sentences()
    ids = [tokens_of(folder, t, padding="max_length", max_length=20)["input_ids"] for t in texts]
    expected = torch.cat([model.get_text_features(input_ids=one).pooler_output for one in ids])
    np.testing.assert_allclose(load(folder).encode("text", texts), expected, **CLOSE)
