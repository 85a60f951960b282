"""Live queries to an encoded set: its encoders are opened again, followed by heads where the set is aligned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.errors import ModelError
from gram.models.heads import Heads
from gram.models.huggingface.encoder import Encoder
from gram.models.huggingface.opening import open_model


class SetEncoders:
    """The encoders of a set, by the set's names of its modalities.

    Attributes:
        modalities: those that can be encoded.
        kinds: modality -> text, image or audio: the kind of its raw inputs.
    """

    def __init__(self, parts: Mapping[str, tuple[Encoder, str]], heads: Heads | None = None) -> None:
        """Keep the encoder and kind of each modality; with heads, of those that they have too."""
        self._parts = {name: part for name, part in parts.items() if heads is None or name in heads.modalities}
        self._heads = heads
        self.modalities = tuple(self._parts)
        self.kinds = {name: kind for name, (_, kind) in self._parts.items()}

    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 32) -> Float[Tensor, "n d"]:
        """Return vectors, in the heads' space where there are any, of texts, pictures or recordings (bytes or paths).

        Raises:
            ModelError: no encoder, or no head, for this modality.
            MediaError: a file cannot be used.
        """
        if modality not in self._parts:
            which = "at hand" if self._heads is None else "with a head"
            raise ModelError(f"no encoder {which} gives {modality!r}; there are {', '.join(self.modalities)}")
        encoder, kind = self._parts[modality]
        vectors = encoder.encode(kind, inputs, batch_size=batch_size)
        return vectors if self._heads is None else self._heads.encode(modality, vectors)


def encoders_for(
    embedding_set: EmbeddingSet, *, heads: Heads | None = None, device: str = "auto"
) -> SetEncoders | None:
    """Return the encoders that a set's info records, opened again for live queries; None where none is available.

    Nothing is fetched: a folder must exist, and a name must be in the cache of Hugging Face.

    Args:
        embedding_set: its `info["encoders"]` is as `embed_folder` writes it.
        heads: those that aligned the encoders' features, if the set is the aligned one.
        device: auto, cpu or cuda.

    Raises:
        ModelError: an encoder has changed since it made the set.
    """
    parts: dict[str, tuple[Encoder, str]] = {}
    for record in _records(embedding_set.info.get("encoders")):
        encoder = _reopened(record, device)
        if encoder is None:
            continue
        for name, kind in record["modalities"].items():
            if name in embedding_set.modalities and kind in encoder.modalities:
                parts[name] = encoder, kind
    order = {name: parts[name] for name in embedding_set.modalities if name in parts}
    return SetEncoders(order, heads) if order else None


def _records(found: Any) -> list[dict[str, Any]]:
    """Return the valid records; a set's info may hold anything."""
    wanted = {"label": str, "source": str, "fingerprint": str, "modalities": dict}
    return [
        record
        for record in (found if isinstance(found, list) else [])
        if isinstance(record, dict) and all(isinstance(record.get(key), kind) for key, kind in wanted.items())
    ]


def _reopened(record: dict[str, Any], device: str) -> Encoder | None:
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
