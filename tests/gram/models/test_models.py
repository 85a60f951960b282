import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gram.core.device import select_device
from gram.errors import DeviceError, ModelError
from gram.models import ModelConfig, MultimodalModel, collate, load_model, save_model
from gram.models.features import LogMel, hertz_to_mel, mel_filters

INPUTS = {
    "text": ["four seven two one", "zero", "nine nine nine nine nine nine"],
    "image": list(np.random.default_rng(0).uniform(0, 16, (3, 8, 32))),
    "speech": [np.random.default_rng(seed).normal(0, 0.1, 2000 + 6000 * seed).astype("float32") for seed in range(3)],
}
INPUTS["tones"] = INPUTS["speech"]


@pytest.fixture(scope="module")
def model() -> MultimodalModel:
    torch.manual_seed(0)
    model = MultimodalModel(ModelConfig(d=16), info={"loss": "gram"})
    for module in model.modules():  # statistics of a trained model, so that the norms are not the identity
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


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


def test_a_louder_recording_has_the_same_features() -> None:
    sound = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    features = LogMel()(sound)
    torch.testing.assert_close(features, LogMel()(0.01 * sound), atol=1e-4, rtol=0)
    assert features.shape == (64, 1 + 4000 // 128)


@pytest.mark.parametrize("hertz", [300.0, 941.0, 1477.0, 3000.0])
def test_a_pure_tone_is_strongest_in_the_band_around_it(hertz: float) -> None:
    time = torch.arange(8000) / 8000
    features = LogMel()(torch.sin(2 * torch.pi * hertz * time)).mean(dim=1)
    centres = np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 66)[1:-1]
    assert abs(int(features.argmax()) - int(np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin())) <= 1


def test_filters_share_out_every_frequency_between_the_first_and_the_last_peak() -> None:
    filters = mel_filters(20, 513, 8000)
    inside = filters[:, (filters[0].argmax() + 1) : filters[-1].argmax()]
    torch.testing.assert_close(inside.sum(dim=0), torch.ones(inside.shape[1]), atol=1e-4, rtol=0)
    assert float(hertz_to_mel(torch.tensor([1000.0]))) == pytest.approx(1000, abs=0.1)


def test_collate_pads_with_zeros_and_counts() -> None:
    batch = collate([torch.ones(2, 3), torch.ones(2, 5)])
    assert batch.values.shape == (2, 2, 5)
    assert batch.lengths.tolist() == [3, 5]
    assert float(batch.values[0, :, 3:].abs().sum()) == 0


def test_a_saved_model_encodes_as_before(model: MultimodalModel, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    loaded = load_model(tmp_path, device="cpu")
    assert loaded.config == model.config
    assert loaded.info == {"loss": "gram"}
    assert not loaded.training
    for modality, values in INPUTS.items():
        assert torch.equal(loaded.encode(modality, values), model.encode(modality, values))


def test_a_damaged_model_is_refused_with_the_reason(model: MultimodalModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json: missing"):
        load_model(tmp_path)
    save_model(model, tmp_path)
    config, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    good_config, good_weights = config.read_text(), weights.read_bytes()

    weights.write_bytes(good_weights[:1000])
    with pytest.raises(ModelError, match=r"model\.safetensors: does not fit its config or is damaged"):
        load_model(tmp_path)
    weights.write_bytes(good_weights)
    config.write_text(json.dumps(json.loads(good_config) | {"model": json.loads(good_config)["model"] | {"d": 8}}))
    with pytest.raises(ModelError, match="does not fit its config"):
        load_model(tmp_path)
    config.write_text(good_config[:50])
    with pytest.raises(ModelError, match="not a model's config"):
        load_model(tmp_path)
    config.write_text(json.dumps(json.loads(good_config) | {"version": 99}))
    with pytest.raises(ModelError, match="version 99 is unknown"):
        load_model(tmp_path)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="device: 'toaster' is not available here"):
        select_device("toaster")
    assert select_device("cpu").type == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA GPU is at hand")
def test_cuda_without_a_gpu_is_one_clear_line() -> None:
    with pytest.raises(DeviceError, match="device: 'cuda' is not available here"):
        select_device("cuda")
    assert select_device("auto").type == "cpu"
