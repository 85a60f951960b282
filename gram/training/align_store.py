"""Heads on disk: `model.safetensors` and `config.json`, as models are; nothing is unpickled."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gram.core.device import select_device
from gram.errors import EmbeddingSetError, ModelError
from gram.models import MultimodalModel, load_model
from gram.models.align_config import AlignmentSettings
from gram.models.checkpoint import kind_of
from gram.models.heads import Heads
from gram.training.align import Alignment

KIND, VERSION = "heads", 1
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"


def save_heads(heads: Heads, folder: str | Path) -> None:
    """Write heads into a folder, the config last.

    Raises:
        ModelError: the disk refuses.
    """
    folder = Path(folder)
    body = {
        "kind": KIND,
        "version": VERSION,
        "sizes": heads.sizes,
        "settings": asdict(heads.settings),
        "info": heads.info,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / f"{_WEIGHTS}.new"
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in heads.state_dict().items()}, staged)
        staged.replace(folder / _WEIGHTS)
        (folder / _CONFIG).write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder}: cannot be written ({error}); free space or give another folder") from error


def load_heads(folder: str | Path, *, device: str = "auto") -> Heads:
    """Return the heads saved in a folder, ready to encode.

    Raises:
        ModelError: a file is missing or damaged, its kind or version is unknown, or weights and config do not fit.
        ValueError: no such device.
    """
    folder = Path(folder)
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: missing; heads are a folder with {_CONFIG} and {_WEIGHTS}")
    heads = _from_config(folder / _CONFIG)
    try:
        heads.load_state_dict(load_file(folder / _WEIGHTS))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ModelError(f"{folder / _WEIGHTS}: does not fit its config or is damaged ({reason})") from error
    return heads.to(select_device(device)).eval()


def open_model(folder: str | Path, *, device: str = "auto") -> Heads | MultimodalModel:
    """Return what is saved in a folder, whichever kind it is of: alignment heads, or a model of spoken numbers.

    Raises:
        ModelError: see `load_heads` and `gram.models.load_model`.
        ValueError: no such device.
    """
    if kind_of(Path(folder) / _CONFIG) == KIND:
        return load_heads(folder, device=device)
    return load_model(folder, device=device)


def save_alignment(alignment: Alignment, folder: str | Path) -> None:
    """Write what an alignment made, a folder each: `test/` the held-out items in the shared space, `all/` every item.

    `model/` holds the heads, `history.csv` how they learned. Media files stay where they are: copy the folder `media`
    beside the sets to keep them.

    Raises:
        EmbeddingSetError, ModelError: the disk refuses.
    """
    folder = Path(folder)
    alignment.embedding_set.subset(alignment.held_out).save(folder / "test")
    alignment.embedding_set.save(folder / "all")
    save_heads(alignment.heads, folder / "model")
    try:
        alignment.history.to_csv(folder / "history.csv", index=False)
    except OSError as error:
        raise EmbeddingSetError(f"{folder}: cannot be written ({error}); free space") from error


def _from_config(path: Path) -> Heads:
    try:
        body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind, version = body["kind"], body["version"]
        known = {field.name for field in fields(AlignmentSettings)}
        settings = {name: value for name, value in body["settings"].items() if name in known}
        sizes = {str(name): int(size) for name, size in body["sizes"].items() if int(size) > 0}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ModelError(f"{path}: not the config of heads ({error}); save them again") from error
    if (kind, version) != (KIND, VERSION):
        raise ModelError(
            f"{path}: kind {kind!r}, version {version!r} is unknown; this release reads {KIND}, version {VERSION}"
        )
    try:
        return Heads(sizes, AlignmentSettings(**settings), info=body.get("info"))
    except (ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:
        raise ModelError(f"{path}: describes no heads that can be ({error}); save them again") from error
