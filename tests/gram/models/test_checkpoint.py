"""Models and heads on disk: opened as they were, or refused with the reason."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import erf

from gram.errors import ModelError
from gram.models import MultimodalModel, load_model, save_model
from gram.models.checkpoint import load_heads, open_model, save_heads
from gram.models.heads import Heads, HeadsConfig
from gram.training.align import align
from tests.helpers.planted_features import QUICK, planted
from tests.helpers.small_inputs import INPUTS


def test_heads_are_saved_and_opened_and_take_new_rows(tmp_path):
    made = align(planted(), replace(QUICK, steps=20, evaluations=1, head="mlp"))
    save_heads(made.heads, tmp_path / "heads")
    opened = open_model(tmp_path / "heads", device="cpu")
    new = planted(7, seed=5)
    for name, rows in made.heads.apply_to(new).modalities.items():
        assert torch.equal(opened.encode(name, new.modalities[name]), rows)
    # by hand, in numpy
    weights = {name: value.double().numpy() for name, value in made.heads.state_dict().items()}
    rows = (new.modalities["audio"].double().numpy() - weights["mean_2"]) * weights["scale_2"]
    layer = rows @ weights["layers.2.0.weight"].T + weights["layers.2.0.bias"]
    gelu = layer * 0.5 * (1 + erf(layer / np.sqrt(2)))
    out = gelu @ weights["layers.2.2.weight"].T + weights["layers.2.2.bias"]
    np.testing.assert_allclose(
        opened.encode("audio", new.modalities["audio"]), out / np.linalg.norm(out, axis=1, keepdims=True), atol=1e-4
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("heads")
    save_heads(align(planted(100), replace(QUICK, steps=2, evaluations=1)).heads, folder)
    return folder


def config_with(folder, tmp_path, **changes: object):
    body = json.loads((folder / "config.json").read_text())
    body.update(changes)
    (tmp_path / "config.json").write_text(json.dumps(body))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return tmp_path


def test_heads_of_another_version_are_refused_with_the_reason(saved, tmp_path):
    with pytest.raises(ModelError, match="version 9 is unknown; this release reads heads, version 1"):
        load_heads(config_with(saved, tmp_path, version=9))


def test_heads_of_other_sizes_are_refused_with_the_reason(saved, tmp_path):
    with pytest.raises(ModelError, match="does not fit its config"):
        load_heads(config_with(saved, tmp_path, sizes={"text": 9, "image": 241, "audio": 31}))


def test_damaged_heads_are_refused(saved, tmp_path):
    folder = config_with(saved, tmp_path)
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="damaged"):
        load_heads(folder)
    (folder / "config.json").write_text("[")
    with pytest.raises(ModelError, match="not the config of heads"):
        load_heads(folder)


def test_heads_with_weights_of_another_shape_are_refused(saved, tmp_path):
    folder = config_with(saved, tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["layers.0.weight"] = weights["layers.0.weight"][:, :-1].contiguous()
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match="does not fit its config"):
        load_heads(folder)


def test_a_model_of_raw_inputs_is_not_mistaken_for_heads(saved):
    with pytest.raises(ModelError, match="these are alignment heads"):
        load_model(saved)


def test_heads_of_earlier_releases_open_with_the_settings_of_their_training(tmp_path):
    settings = {
        "loss": "cosine", "d": 4, "head": "mlp", "hidden": 3, "steps": 600, "batch_size": 256, "learning_rate": 0.002,
        "weight_decay": 0.01, "temperature": 0.07, "label_smoothing": 0.1, "held_out": 0.2, "seed": 0,
        "evaluations": 20,
    }  # fmt: skip
    config = {
        "kind": "heads",
        "version": 1,
        "sizes": {"text": 2, "image": 5},
        "settings": settings,
        "info": {"steps": 9},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    heads = Heads({"text": 2, "image": 5}, HeadsConfig(d=4, head="mlp", hidden=3))
    save_file(heads.state_dict(), tmp_path / "model.safetensors")
    opened = load_heads(tmp_path, device="cpu")
    assert (opened.d, opened.config.hidden, opened.info) == (4, 3, {"steps": 9})
    assert opened.training_settings["loss"] == "cosine"
    save_heads(opened, tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text()) == config


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
