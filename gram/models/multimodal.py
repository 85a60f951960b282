"""The multimodal model: one encoder a modality into one space of unit vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from gram.datasets.spoken_numbers.wording import WORDS
from gram.errors import ModelError
from gram.models.encoders import AudioEncoder, Batch, ImageEncoder, TextEncoder
from gram.models.features import LogMel

_VOCABULARY = {word: number for number, word in enumerate(("<unknown>", *WORDS))}


@dataclass(frozen=True)
class ModelConfig:
    """The architecture of a model: the width of the shared space, and each encoder's size."""

    d: int = 128
    text_width: int = 96
    image_channels: int = 24
    audio_channels: int = 128
    audio_width: int = 96
    speech_strides: tuple[int, ...] = (2, 2, 2)
    tones_strides: tuple[int, ...] = (2, 2)


class MultimodalModel(nn.Module):
    """Text, image, speech and tones as unit vectors of one space.

    Attributes:
        config: its architecture.
        info: record of its training: loss, steps, seed, ...
    """

    def __init__(self, config: ModelConfig | None = None, *, info: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.info = dict(info or {})
        self.log_mel = LogMel()
        audio = {"channels": config.audio_channels, "width": config.audio_width}
        self.encoders = nn.ModuleDict(
            {
                "text": TextEncoder(config.d, vocabulary=len(_VOCABULARY), width=config.text_width),
                "image": ImageEncoder(config.d, channels=config.image_channels),
                "speech": AudioEncoder(config.d, strides=config.speech_strides, **audio),
                "tones": AudioEncoder(config.d, strides=config.tones_strides, **audio),
            }
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names of the modalities, the anchor first."""
        return tuple(self.encoders)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    def forward(self, batches: Mapping[str, Batch]) -> dict[str, Float[Tensor, "b d"]]:
        """Return unit vectors of each modality given as a padded batch."""
        return {
            name: nn.functional.normalize(self.encoders[name](batch).float(), dim=-1) for name, batch in batches.items()
        }

    def prepare(self, modality: str, value: Any) -> Tensor:
        """Return one raw input as its encoder's example: word numbers, a picture, or a log-mel spectrogram.

        Raises:
            ModelError: if the model lacks the modality, or the input is not of its form.
        """
        preparations: dict[str, Callable[[Any], Tensor]] = {
            "text": _word_numbers,
            "image": _picture,
            "speech": self._spectrogram,
            "tones": self._spectrogram,
        }
        if modality not in preparations:
            raise ModelError(f"this model has no modality {modality!r}; it has {', '.join(self.modalities)}")
        return preparations[modality](value)

    @torch.inference_mode()
    def encode(self, modality: str, inputs: Sequence[Any], *, batch_size: int = 256) -> Float[Tensor, "n d"]:
        """Return unit float32 vectors, on the CPU, of raw inputs of one modality.

        Args:
            modality: text, image, speech or tones.
            inputs: text: words such as "four seven two one"; image: (8, 32) pictures of 0 to 16;
                speech and tones: waveforms at 8 kHz of any length.
            batch_size: inputs encoded at once.

        Raises:
            ModelError: if the model lacks the modality, or an input is not of its form.
        """
        parts = [
            self.encode_prepared(
                modality, [self.prepare(modality, value) for value in inputs[start : start + batch_size]]
            )
            for start in range(0, len(inputs), batch_size)
        ]
        return torch.cat(parts) if parts else torch.empty(0, self.config.d)

    @torch.inference_mode()
    def encode_prepared(self, modality: str, examples: Sequence[Tensor]) -> Float[Tensor, "n d"]:
        """Return unit float32 vectors, on the CPU, of one batch of examples that `prepare` made."""
        was_training = self.training
        self.eval()
        vectors: Tensor = self({modality: collate(examples).to(self.device)})[modality].cpu()
        self.train(was_training)
        return vectors

    def _spectrogram(self, waveform: Any) -> Tensor:
        sound = torch.as_tensor(np.asarray(waveform, dtype=np.float32))
        if sound.ndim != 1 or not bool(sound.isfinite().all()):
            raise ModelError(f"a recording is one channel of finite samples; got shape {tuple(sound.shape)}")
        return self.log_mel.cpu()(sound)


def collate(examples: Sequence[Tensor]) -> Batch:
    """Return examples padded with zeros to the length of the longest along their last axis."""
    lengths = torch.tensor([example.shape[-1] for example in examples])
    longest = int(lengths.max())
    values = examples[0].new_zeros(len(examples), *examples[0].shape[:-1], longest)
    for row, example in zip(values, examples):
        row[..., : example.shape[-1]] = example
    return Batch(values, lengths)


def _word_numbers(text: Any) -> Tensor:
    pieces = str(text).lower().split()
    if not pieces:
        raise ModelError("a text has at least one word, such as: four seven two one")
    return torch.tensor([_VOCABULARY.get(piece, 0) for piece in pieces], dtype=torch.int16)


def _picture(picture: Any) -> Tensor:
    values = torch.as_tensor(np.asarray(picture, dtype=np.float32))
    if values.shape != (8, 32) or not bool(values.isfinite().all()):
        raise ModelError(f"a picture has 8 x 32 finite values of 0 to 16; got shape {tuple(values.shape)}")
    return values
