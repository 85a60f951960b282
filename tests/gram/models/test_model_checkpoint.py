"""Models on disk: opened as they were, or refused with the reason."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gram.core.device import select_device
from gram.errors import DeviceError, ModelError
from gram.models import ModelConfig, MultimodalModel, load_model, save_model

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
