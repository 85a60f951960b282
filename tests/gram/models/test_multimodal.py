"""The multimodal model: unit vectors that do not depend on the batch; inputs of the wrong form are named."""

import numpy as np
import pytest
import torch

from gram.errors import ModelError
from gram.models import MultimodalModel, collate
from tests.helpers.small_inputs import INPUTS


@pytest.mark.parametrize("modality", INPUTS)
def test_vectors_are_of_length_one_and_do_not_depend_on_the_batch(model: MultimodalModel, modality: str) -> None:
    together = model.encode(modality, INPUTS[modality])
    alone = torch.cat([model.encode(modality, [value]) for value in INPUTS[modality]])
    assert together.shape == (3, 16)
    assert together.dtype == torch.float32
    torch.testing.assert_close(together.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (together[0] - together[1]).norm() > 1e-3


@pytest.mark.parametrize("modality", INPUTS)
def test_encoding_in_small_batches_changes_nothing(model: MultimodalModel, modality: str) -> None:
    whole, parts = (model.encode(modality, INPUTS[modality], batch_size=size) for size in (3, 2))
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=0)


def test_encoding_nothing_gives_no_rows(model: MultimodalModel) -> None:
    assert model.encode("text", []).shape == (0, 16)


def test_the_order_of_words_matters_and_unknown_words_are_taken(model: MultimodalModel) -> None:
    forward, backward, unknown = model.encode("text", ["one two", "two one", "one blah"])
    assert (forward - backward).norm() > 1e-3
    assert torch.isfinite(unknown).all()


def test_encoding_leaves_a_training_model_training(model: MultimodalModel) -> None:
    model.train()
    model.encode("text", ["one"])
    assert model.training
    model.eval()


@pytest.mark.parametrize(
    ("modality", "value", "message"),
    [
        ("smell", "rose", "no modality 'smell'"),
        ("text", " ", "at least one word"),
        ("image", np.zeros((8, 8)), r"8 x 32 finite values.*got shape \(8, 8\)"),
        ("image", np.full((8, 32), np.nan), "8 x 32 finite values"),
        ("speech", np.zeros((2, 100)), "one channel of finite samples"),
        ("tones", np.array([0.1, np.inf]), "one channel of finite samples"),
    ],
)
def test_an_input_of_the_wrong_form_is_named(model: MultimodalModel, modality, value, message) -> None:
    with pytest.raises(ModelError, match=message):
        model.encode(modality, [value])


@pytest.mark.parametrize("samples", [0, 1, 100, 8000])
def test_silence_and_very_short_sound_have_finite_vectors(model: MultimodalModel, samples: int) -> None:
    for sound in (np.zeros(samples), np.ones(samples)):
        assert torch.isfinite(model.encode("speech", [sound])).all()


def test_collate_pads_with_zeros_and_counts() -> None:
    batch = collate([torch.ones(2, 3), torch.ones(2, 5)])
    assert batch.values.shape == (2, 2, 5)
    assert batch.lengths.tolist() == [3, 5]
    assert float(batch.values[0, :, 3:].abs().sum()) == 0
