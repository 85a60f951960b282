"""Whisper: the mean over the encoder's frames up to the end of the recording."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, mean_over, register


@register({"whisper": "WhisperModel"})
class Whisper(Family):
    """The encoder of Whisper, without its decoder."""

    modalities = ("audio",)

    @staticmethod
    def encoder_of(model: Any) -> Any:
        """Return the encoder."""
        return model.get_encoder()

    @property
    def max_seconds(self) -> float:
        """The length of the encoder's window."""
        extractor = self.processors["audio"]
        return float(extractor.n_samples / extractor.sampling_rate)

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return the mean last state of each recording, without the padding after its end."""
        states = self.run(self.model, input_features=self.features(waveforms)["input_features"]).last_hidden_state
        step = 2 * self.processors["audio"].hop_length  # samples a frame of its output
        frames = torch.tensor([-(-len(one) // step) for one in waveforms])
        return mean_over(states, torch.arange(states.shape[1]) < frames[:, None])
