"""A frozen encoder of `transformers`: texts, pictures or recordings to vectors, the same in any batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.errors import MediaError, ModelError
from gram.models.huggingface.family import Family
from gram.models.huggingface.inputs import Recording, read_picture, read_recording, read_text


class Encoder:
    """A frozen model and its preprocessing.

    Attributes:
        label: name shown to people.
        source: the folder or name it was opened from.
        kind: the `model_type`, such as clip.
        modalities: those it embeds, of text, image and audio.
        fingerprint: digest of its weights and preprocessing.
    """

    def __init__(self, label: str, source: str, family: Family, device: torch.device) -> None:
        self.label, self.source = label, source
        self.family, self.fingerprint = family, family.fingerprint
        self.kind, self.modalities = family.kind, family.modalities
        family.model.to(device)
        self._device = device

    def __repr__(self) -> str:
        """Return label, type, modalities and source in one line."""
        return f"Encoder({self.label!r}, {self.kind}: {', '.join(self.modalities)}, from {self.source!r})"

    @property
    def rate(self) -> int:
        """Sampling rate of its recordings, in Hz; 0 without audio."""
        return int(self.family.processors["audio"].sampling_rate) if "audio" in self.modalities else 0

    @property
    def precision(self) -> str:
        """Precision of its arithmetic: bfloat16 on a CUDA GPU, else float32."""
        return "bfloat16" if self._device.type == "cuda" else "float32"

    def read(self, modality: str, source: Any) -> Any:
        """Return one raw input, read and converted to the encoder's form; `encode` takes it as well.

        Raises:
            ModelError: the encoder has no such modality.
            MediaError: the file cannot be used.
        """
        self._check(modality)
        if isinstance(source, Recording) or hasattr(source, "getbands"):
            return source
        if modality == "image":
            return read_picture(source)
        if modality == "audio":
            return read_recording(source, rate=self.rate, longest=self.family.max_seconds)
        text = read_text(source) if isinstance(source, (bytes, Path)) else source
        if not (isinstance(text, str) and text.strip()):
            raise MediaError("a text has at least one word; write something")
        return text

    @torch.inference_mode()
    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 32) -> Float[Tensor, "n d"]:
        """Return float32 vectors, on the CPU, as the model gives them, not normalised.

        Args:
            modality: text, image or audio, of those it has.
            inputs: texts, or pictures or recordings as bytes or paths of files.
            batch_size: inputs encoded at once; affects speed only.

        Raises:
            ModelError: the encoder has no such modality.
            MediaError: a file cannot be used.
        """
        self._check(modality)
        parts = [
            self._batch(modality, [self.read(modality, one) for one in inputs[start : start + batch_size]])
            for start in range(0, len(inputs), batch_size)
        ]
        return torch.cat(parts) if parts else torch.empty(0, 0)

    def _check(self, modality: str) -> None:
        if modality not in self.modalities:
            raise ModelError(f"{self.label} embeds {', '.join(self.modalities)}; it has no modality {modality!r}")

    def _batch(self, modality: str, inputs: list[Any]) -> Float[Tensor, "b d"]:
        if modality == "audio":
            return self.family.recordings([recording.waveform for recording in inputs]).float().cpu()
        embed = self.family.texts if modality == "text" else self.family.pictures
        return embed(inputs).float().cpu()
