"""CLAP: texts and recordings projected into one space."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, register


@register({"clap": "ClapModel"})
class Clap(Family):
    """CLAP with its own projections."""

    modalities = ("text", "audio")

    @property
    def max_seconds(self) -> float:
        """The extractor's length; longer recordings are cut rather than fused."""
        return float(self.processors["audio"].max_length_s)

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return the projected vector of each text."""
        return self.run(self.model.get_text_features, **self.tokens(texts, offset=True)).pooler_output

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return the projected vector of each recording."""
        features = self.features(waveforms)["input_features"].float()
        # The extractor marks recordings at random as longer than its window; those cut to it never are.
        longer = torch.zeros(len(waveforms), 1, dtype=torch.bool)
        return self.run(self.model.get_audio_features, input_features=features, is_longer=longer).pooler_output
