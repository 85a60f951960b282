"""Models on disk: `model.safetensors` and `config.json` in one folder; nothing is unpickled."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from gram.core.device import select_device
from gram.errors import ModelError
from gram.models.heads import Heads, HeadsConfig
from gram.models.multimodal import ModelConfig, MultimodalModel

VERSION = 1  # of the config of either kind
HEADS = "heads"  # "kind" in the config of heads; the config of a model has none
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"


def save_model(model: MultimodalModel, folder: str | Path) -> None:
    """Write a model's weights and config into a folder, the config last.

    Raises:
        ModelError: the folder cannot be written.
    """
    _write(Path(folder), model, {"version": VERSION, "model": asdict(model.config), "training": model.info})


def load_model(folder: str | Path, *, device: str = "auto") -> MultimodalModel:
    """Return the model saved in a folder, ready to encode.

    Raises:
        ModelError: a file is missing or damaged, weights and config do not match, or the folder holds heads.
        DeviceError: the device is not available.
    """
    config = _found(Path(folder), "a model is a folder")
    if kind_of(config) == HEADS:
        raise ModelError(f"{config}: these are alignment heads, which take features: give a model of raw inputs")
    try:
        body = json.loads(config.read_text())
        version = body["version"]
        settings = {field.name: body["model"][field.name] for field in fields(ModelConfig)}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ModelError(f"{config}: not a model's config ({error}); save the model again") from error
    if version != VERSION:
        raise ModelError(f"{config}: version {version} is unknown; this release reads version {VERSION}")
    chosen = select_device(device)
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    model = MultimodalModel(ModelConfig(**settings), info=body.get("training"))
    _load_weights(model, Path(folder))
    return model.to(chosen).eval()


def save_heads(heads: Heads, folder: str | Path) -> None:
    """Write heads' weights and config into a folder, the config last.

    Raises:
        ModelError: the folder cannot be written.
    """
    settings = {**heads.training_settings, **asdict(heads.config)}
    body = {"kind": HEADS, "version": VERSION, "sizes": heads.sizes, "settings": settings, "info": heads.info}
    _write(Path(folder), heads, body)


def load_heads(folder: str | Path, *, device: str = "auto") -> Heads:
    """Return the heads saved in a folder, ready to encode.

    Raises:
        ModelError: a file is missing or damaged, its kind or version is unknown, or weights and config do not match.
        DeviceError: the device is not available.
    """
    config = _found(Path(folder), "heads are a folder")
    try:
        body: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        kind, version = body["kind"], body["version"]
        training = dict(body["settings"])
        own = {field.name: training.pop(field.name) for field in fields(HeadsConfig) if field.name in training}
        sizes = {str(name): int(size) for name, size in body["sizes"].items() if int(size) > 0}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ModelError(f"{config}: not the config of heads ({error}); save them again") from error
    if (kind, version) != (HEADS, VERSION):
        raise ModelError(
            f"{config}: kind {kind!r}, version {version!r} is unknown; this release reads {HEADS}, version {VERSION}"
        )
    try:
        heads = Heads(sizes, HeadsConfig(**own), training=training, info=body.get("info"))
    except (ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:
        raise ModelError(f"{config}: describes no valid heads ({error}); save them again") from error
    _load_weights(heads, Path(folder))
    return heads.to(select_device(device)).eval()


def open_model(folder: str | Path, *, device: str = "auto") -> Heads | MultimodalModel:
    """Return the alignment heads or the model of spoken numbers saved in a folder.

    Raises:
        ModelError: see `load_heads` and `load_model`.
        DeviceError: the device is not available.
    """
    if kind_of(Path(folder) / _CONFIG) == HEADS:
        return load_heads(folder, device=device)
    return load_model(folder, device=device)


def kind_of(config: Path) -> object:
    """Return the "kind" of a config; None if it has none or cannot be read."""
    try:
        body = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return body.get("kind") if isinstance(body, dict) else None


def _found(folder: Path, what: str) -> Path:
    """Return the path of the config; check that both files exist."""
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: missing; {what} with {_CONFIG} and {_WEIGHTS}")
    return folder / _CONFIG


def _write(folder: Path, model: nn.Module, body: Mapping[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / f"{_WEIGHTS}.new"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}, staged)
        staged.replace(folder / _WEIGHTS)
        (folder / _CONFIG).write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: cannot be written ({error}); free space or give another folder") from error


def _load_weights(model: nn.Module, folder: Path) -> None:
    try:
        model.load_state_dict(load_file(folder / _WEIGHTS))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"{folder / _WEIGHTS}: does not fit its config or is damaged ({reason})") from error
