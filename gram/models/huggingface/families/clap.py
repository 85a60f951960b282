"""CLAP: texts and recordings projected into one space."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, register, reserved_positions


@register({"clap": "ClapModel"})
class Clap(Family):
    """CLAP by its own projections."""

    modalities = ("text", "audio")

    @property
    def max_seconds(self) -> float:
        """The extractor's length; longer recordings are cut rather than fused."""
        return float(self.processors["audio"].max_length_s)

    def texts(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Return the projected vector of each text."""
        tokens = self.tokens(texts, reserved=reserved_positions(self.model.config.text_config))
        tokens.pop("token_type_ids", None)
        return self.run(self.model.get_text_features, **tokens).pooler_output

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return the projected vector of each recording."""
        features = self.heard(waveforms)["input_features"].float()
        # The extractor marks a recording at random as longer than its window; cut ones never are.
        longer = torch.zeros(len(waveforms), 1, dtype=torch.bool)
        return self.run(self.model.get_audio_features, input_features=features, is_longer=longer).pooler_output
