"""AST, the audio spectrogram transformer: its pooler."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, register

_FRAME_SECONDS = 0.01


@register({"audio-spectrogram-transformer": "ASTModel"})
class Ast(Family):
    """The audio spectrogram transformer."""

    modalities = ("audio",)

    @property
    def max_seconds(self) -> float:
        """The length of its spectrogram."""
        return float(self.processors["audio"].max_length * _FRAME_SECONDS)

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return the pooled vector of each recording."""
        return self.run(self.model, input_values=self.features(waveforms)["input_values"]).pooler_output
