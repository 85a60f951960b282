"""wav2vec 2.0 and related models: the mean over the frames of a waveform."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gram.models.huggingface.family import Family, mean_over, register

_EXACT_WITH_MASK = ("wav2vec2", "hubert")  # unless they normalise over all frames, including padding


@register({"hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model", "wavlm": "WavLMModel"})
class Wav2Vec2(Family):
    """Encoders of raw waveforms."""

    modalities = ("audio",)

    def recordings(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        """Return the mean last state of each waveform: in one batch if masking is exact, else one batch per length."""
        if self.kind in _EXACT_WITH_MASK and self.model.config.feat_extract_norm == "layer":
            return self._padded(waveforms)
        rows: list[Tensor] = [torch.empty(0)] * len(waveforms)
        for length in sorted({len(one) for one in waveforms}):
            alike = [row for row, one in enumerate(waveforms) if len(one) == length]
            for row, vector in zip(alike, self._padded([waveforms[row] for row in alike])):
                rows[row] = vector
        return torch.stack(rows)

    def _padded(self, waveforms: list[Any]) -> Float[Tensor, "b d"]:
        made = self.features(waveforms, padding=True, return_attention_mask=True)
        mask = made["attention_mask"]
        with_mask = {"attention_mask": mask} if not bool(mask.all()) else {}
        states = self.run(self.model, input_values=made["input_values"], **with_mask).last_hidden_state
        return mean_over(states, self.model._get_feature_vector_attention_mask(states.shape[1], mask))
