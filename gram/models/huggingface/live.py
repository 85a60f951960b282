"""Live queries to an encoded set: its encoders are opened again, with heads behind them where it was aligned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.errors import ModelError
from gram.models.huggingface.encoder import Encoder
from gram.models.huggingface.opening import open_model


class Heads(Protocol):
    """Anything that maps rows of a modality into a shared space."""

    def encode(self, modality: str, rows: Tensor, /) -> Tensor:
        """Return rows (n, d_modality) of a modality in the shared space, (n, d)."""
        ...


class _Part(NamedTuple):
    encoder: Encoder
    kind: str


class SetEncoders:
    """The encoders of a set, by the set's own names of its modalities.

    Attributes:
        modalities: those that can be encoded.
        kinds: modality -> text, image or audio: what a person gives.
    """

    def __init__(self, parts: Mapping[str, _Part]) -> None:
        self._parts = dict(parts)
        self.modalities = tuple(self._parts)
        self.kinds = {name: part.kind for name, part in self._parts.items()}

    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 32) -> Float[Tensor, "n d"]:
        """Return vectors of texts, of pictures' files or of recordings' files (bytes or paths).

        Raises:
            ModelError: no encoder gives this modality.
            MediaError: a file cannot be used; says why.
        """
        if modality not in self._parts:
            raise ModelError(f"no encoder at hand gives {modality!r}; there are {', '.join(self.modalities)}")
        part = self._parts[modality]
        return part.encoder.encode(part.kind, inputs, batch_size=batch_size)


class AlignedEncoders:
    """Frozen encoders followed by heads, into the heads' shared space.

    Args:
        encoders: anything with `.modalities` and `.encode(modality, inputs, batch_size=)`.
        heads: anything with `.encode(modality, rows)`, and `.modalities` unless it has all.
    """

    def __init__(self, encoders: Any, heads: Heads) -> None:
        self._encoders, self._heads = encoders, heads
        own = getattr(heads, "modalities", encoders.modalities)
        self.modalities = tuple(name for name in encoders.modalities if name in own)
        self.kinds = {name: kind for name, kind in getattr(encoders, "kinds", {}).items() if name in self.modalities}

    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 32) -> Float[Tensor, "n d"]:
        """Return vectors in the shared space; takes what the encoders take.

        Raises:
            ModelError: the encoders or the heads lack the modality.
            MediaError: a file cannot be used; says why.
        """
        if modality not in self.modalities:
            raise ModelError(f"no encoder with a head gives {modality!r}; there are {', '.join(self.modalities)}")
        return self._heads.encode(modality, self._encoders.encode(modality, inputs, batch_size=batch_size))


def encoders_for(
    embedding_set: EmbeddingSet, *, heads: Heads | None = None, device: str = "auto"
) -> SetEncoders | AlignedEncoders | None:
    """Return the encoders that a set's info records, opened again for live queries; None where none is available.

    Nothing is fetched: a folder must be there, and a name in the cache of Hugging Face.

    Args:
        embedding_set: its `info["encoders"]` is as `embed_folder` writes it.
        heads: what aligned the encoders' features, if the set is the aligned one; see `AlignedEncoders`.
        device: auto, cpu or cuda.

    Raises:
        ModelError: an encoder is there but no longer the one that made the set.
    """
    parts: dict[str, _Part] = {}
    for record in _records(embedding_set.info.get("encoders")):
        encoder = _reopened(record, device)
        if encoder is None:
            continue
        for name, kind in record["modalities"].items():
            if name in embedding_set.modalities and kind in encoder.modalities:
                parts[name] = _Part(encoder, kind)
    order = {name: parts[name] for name in embedding_set.modalities if name in parts}
    if not order:
        return None
    return SetEncoders(order) if heads is None else AlignedEncoders(SetEncoders(order), heads)


def _records(found: Any) -> list[dict[str, Any]]:
    """Return the valid records; a set's info may hold anything."""
    wanted = {"label": str, "source": str, "fingerprint": str, "modalities": dict}
    return [
        record
        for record in (found if isinstance(found, list) else [])
        if isinstance(record, dict) and all(isinstance(record.get(key), kind) for key, kind in wanted.items())
    ]


def _reopened(record: dict[str, Any], device: str | torch.device) -> Encoder | None:
    source = record["source"]
    if Path(source).is_absolute() and not Path(source).is_dir():
        return None
    try:
        opened = open_model(source, offline=True)
    except ModelError:
        return None
    if opened.fingerprint != record["fingerprint"]:
        raise ModelError(f"{source}: is no longer the encoder that made this set; embed the set again")
    return Encoder(record["label"], source, opened, select_device(device))
