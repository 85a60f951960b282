"""Models on disk: `model.safetensors` and `config.json` side by side; nothing is unpickled."""

import json
from dataclasses import asdict, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gram.core.device import select_device
from gram.errors import ModelError
from gram.models.multimodal import ModelConfig, MultimodalModel

VERSION = 1
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"


def save_model(model: MultimodalModel, folder: str | Path) -> None:
    """Write a model's weights and config into a folder, the config last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    body = {"version": VERSION, "model": asdict(model.config), "training": model.info}
    staged = folder / f"{_WEIGHTS}.new"
    save_file(weights, staged)
    staged.replace(folder / _WEIGHTS)
    (folder / _CONFIG).write_text(json.dumps(body, indent=2) + "\n")


def load_model(folder: str | Path, *, device: str = "auto") -> MultimodalModel:
    """Return the model saved in a folder, ready to encode.

    Raises:
        ModelError: if a file is missing or damaged, weights and config do not fit each other, or these are alignment
            heads.
    """
    folder = Path(folder)
    config_path, weights_path = folder / _CONFIG, folder / _WEIGHTS
    for path in (config_path, weights_path):
        if not path.is_file():
            raise ModelError(f"{path}: missing; a model is a folder with {_CONFIG} and {_WEIGHTS}")
    if kind_of(config_path) == "heads":
        raise ModelError(f"{config_path}: these are alignment heads, which take features: give a model of raw inputs")
    try:
        body = json.loads(config_path.read_text())
        version = body["version"]
        settings = {field.name: body["model"][field.name] for field in fields(ModelConfig)}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{config_path}: not a model's config ({error}); save the model again") from error
    if version != VERSION:
        raise ModelError(f"{config_path}: version {version} is unknown; this release reads version {VERSION}")
    chosen = select_device(device)
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    model = MultimodalModel(ModelConfig(**settings), info=body.get("training"))
    try:
        model.load_state_dict(load_file(weights_path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"{weights_path}: does not fit its config or is damaged ({reason})") from error
    return model.to(chosen).eval()


def kind_of(config: Path) -> object:
    """Return what kind of model a config says it is of; None where it says nothing, or cannot be read."""
    try:
        body = json.loads(config.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return body.get("kind") if isinstance(body, dict) else None
