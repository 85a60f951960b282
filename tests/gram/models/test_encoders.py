"""Encoders of the built-in modalities: padding changes nothing, and pooling is the weighted mean of real places."""

import numpy as np
import pytest
import torch

from gram.models.encoders import AttentionPool, AudioEncoder, Batch, ImageEncoder, Recurrent, TextEncoder, present


def test_places_beyond_the_length_are_not_present():
    assert present(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_attention_pooling_is_the_softmax_weighted_mean_of_real_places():
    torch.manual_seed(0)
    pool = AttentionPool(5, queries=2)
    sequence = torch.randn(1, 4, 5)
    pooled = pool(sequence, present(torch.tensor([3]), 4))[0].detach().numpy()
    rows = sequence[0, :3].double().numpy()
    logits = rows @ pool.weigh.weight.detach().double().numpy().T + pool.weigh.bias.detach().double().numpy()
    weights = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(pooled, (weights.T @ rows).ravel(), atol=1e-6)


def test_the_states_of_padded_places_are_zero():
    states = Recurrent(3, 4)(torch.randn(2, 6, 3), torch.tensor([6, 2]))
    assert states.shape == (2, 6, 8)
    assert not states[1, 2:].any()
    assert states[1, :2].any()


@pytest.mark.parametrize(
    ("encoder", "values"),
    [
        (TextEncoder(6, vocabulary=12, width=4, queries=2), torch.tensor([[3, 7, 1, 0, 0]])),
        (AudioEncoder(6, bands=5, channels=8, width=4, strides=(2, 2)), torch.randn(1, 5, 9)),
    ],
    ids=["text", "audio"],
)
def test_padding_does_not_change_a_vector(encoder, values):
    encoder.eval()
    length = torch.tensor([3 if values.ndim == 2 else 9])
    longer = torch.nn.functional.pad(values, (0, 40), value=1)
    short, padded = (encoder(Batch(each, length)) for each in (values[..., : int(length)], longer))
    assert short.shape == (1, 6)
    torch.testing.assert_close(short, padded, atol=1e-6, rtol=0)


def test_pictures_are_one_vector_each():
    vectors = ImageEncoder(6, channels=2, width=8).eval()(Batch(torch.rand(3, 8, 32) * 16, torch.full((3,), 32)))
    assert vectors.shape == (3, 6)
    assert vectors.isfinite().all()
