"""Opening models of `transformers` safely: weights from safetensors, no code of the model's, one-line errors."""

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import torch

from gram.errors import ModelError
from gram.models.huggingface.family import FAMILIES, Family

_INSTALL = "encoders need the package transformers; install it with: pip install gram[encoders]"
_POOLERS = ("pooler.",)  # optional: models saved without one are opened too


def open_model(source: str, *, offline: bool = False) -> Family:
    """Open the folder of a saved model, or a name at Hugging Face (fetched once, then cached).

    Args:
        source: path of a folder, or a name such as "openai/clip-vit-base-patch32".
        offline: never fetch; a name must be in the cache.

    Raises:
        ModelError: transformers is not installed; no such folder, or a name that cannot be fetched; an unknown type
            of model; missing or damaged files; weights other than safetensors.
    """
    hub = transformers()
    is_folder = Path(source).is_dir()
    if not is_folder and (Path(source).is_absolute() or source.startswith((".", "~")) or source.count("/") > 1):
        raise ModelError(f"{source}: no such folder; give the folder of a saved model, or its name at Hugging Face")
    if is_folder and not (Path(source) / "config.json").is_file():
        raise ModelError(f"{source}: holds no config.json; give the folder of a saved model")
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": offline or is_folder}
    with _one_line(source, is_folder), _quiet(hub):
        config, _ = hub.PretrainedConfig.get_config_dict(source, local_files_only=options["local_files_only"])
        kind = config.get("model_type", "")
        if kind not in FAMILIES:
            raise ModelError(
                f"{source}: a model of the type {kind or 'missing from its config'!r} is not known here; "
                f"known are {', '.join(FAMILIES)}"
            )
        family = FAMILIES.get(kind)
        processors = {name: _processor(hub, name, source, options) for name in family.modalities}
        sentence = _sentence_settings(hub, source, options) if family.modalities == ("text",) else {}
        model, report = getattr(hub, family.types[kind]).from_pretrained(
            source, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **options
        )
    has_pooler = _check_complete(source, report)
    return family(kind, model, processors, has_pooler=has_pooler, sentence=sentence)


def transformers() -> Any:
    """Return the package transformers, imported on first use.

    Raises:
        ModelError: it is not installed.
    """
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ModelError(_INSTALL) from error


def _processor(hub: Any, modality: str, source: str, options: dict[str, Any]) -> Any:
    if modality == "text":
        return hub.AutoTokenizer.from_pretrained(source, **options)
    if modality == "image":
        return hub.AutoImageProcessor.from_pretrained(source, backend="pil", **options)
    return hub.AutoFeatureExtractor.from_pretrained(source, **options)


def _sentence_settings(hub: Any, source: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return pooling and longest text of a sentence-transformers folder; {} for a plain text model."""
    modules = _json(hub, source, "modules.json", options)
    if modules is None:
        return {}
    pooling: dict[str, Any] = {}
    for module in modules:
        name = str(module.get("type", "")).rpartition(".")[2]
        if name == "Pooling":
            pooling = _json(hub, source, f"{module['path']}/config.json", options) or {}
        elif name not in ("Transformer", "Normalize"):
            raise ModelError(f"{source}: its step {name} after the text model is not known here; choose another model")
    modes = [key for key, used in pooling.items() if key.startswith("pooling_mode_") and used]
    if modes not in (["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"], []):
        raise ModelError(f"{source}: pools by {', '.join(modes)}; known here are the mean and the class token")
    length = (_json(hub, source, "sentence_bert_config.json", options) or {}).get("max_seq_length")
    return {"pooling": "class" if "pooling_mode_cls_token" in modes else "mean", "length": length}


def _json(hub: Any, source: str, name: str, options: dict[str, Any]) -> Any:
    file = hub.utils.cached_file(
        source,
        name,
        local_files_only=options["local_files_only"],
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return json.loads(Path(file).read_text(encoding="utf-8")) if file else None


def _check_complete(source: str, report: dict[str, Any]) -> bool:
    """Check that all tensors but a pooler's were loaded; return whether the pooler was."""
    missing = sorted(report["missing_keys"]) + sorted(str(key) for key in report.get("mismatched_keys", ()))
    needed = [key for key in missing if not key.startswith(_POOLERS)]
    if needed:
        raise ModelError(
            f"{source}: the weights lack {len(needed)} of the model's tensors, such as {needed[0]}; "
            "save the model again, whole"
        )
    return not missing


@contextmanager
def _one_line(source: str, is_folder: bool) -> Iterator[None]:
    """Convert errors of transformers to a one-line `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except (safetensors.SafetensorError, json.JSONDecodeError, UnicodeDecodeError, RuntimeError) as error:
        raise ModelError(f"{source}: is damaged ({_first_line(error)}); copy or save the model again") from error
    except (OSError, ValueError, ImportError, KeyError, TypeError) as error:
        if not is_folder:
            raise ModelError(
                f"{source}: cannot be fetched ({_first_line(error)}); check the name and the connection, "
                "or give the folder of a saved model"
            ) from error
        if not any(Path(source).glob("*.safetensors")) and (Path(source) / "config.json").is_file():
            raise ModelError(
                f"{source}: holds no safetensors weights; other formats can run code and are not opened; "
                "save the model again with safe_serialization"
            ) from error
        raise ModelError(f"{source}: cannot be opened ({_first_line(error)}); save the model again, whole") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


@contextmanager
def _quiet(hub: Any) -> Iterator[None]:
    """Silence the progress bars and log of transformers."""
    log = hub.utils.logging
    level, had_bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if had_bar:
            log.enable_progress_bar()
