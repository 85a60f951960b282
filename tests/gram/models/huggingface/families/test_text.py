"""Text models against the models called directly, one text at a time."""

import numpy as np
import pytest
import torch
import transformers as hf

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, load, only_ids, tokens_of


@torch.no_grad()
@pytest.mark.parametrize("kind", ["albert", "bert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"])
def test_texts_are_the_mean_of_their_tokens(made, kind):
    folder = made("text_model", kind)
    model, texts = hf.AutoModel.from_pretrained(folder).eval(), tiny.sentences()
    expected = [model(**only_ids(tokens_of(folder, t))).last_hidden_state[0].mean(0) for t in texts]
    found = load(folder).encode("text", texts)
    np.testing.assert_allclose(found, torch.stack(expected), **CLOSE)
    np.testing.assert_allclose(load(folder).encode("text", texts, batch_size=2), found, **CLOSE)
    assert load(folder).encode("text", ["cat " * 500]).isfinite().all()  # cut to what the model reads
