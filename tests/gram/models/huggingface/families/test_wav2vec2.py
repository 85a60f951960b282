"""Waveform models against the models called directly, one recording at a time."""

import numpy as np
import pytest
import soundfile
import torch
import transformers as hf

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, load


@torch.no_grad()
@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm"])
def test_recordings_of_unlike_lengths_do_not_touch_each_other(made, tmp_path, kind, norm):
    folder = made("audio_model", kind, norm=norm)
    model = hf.AutoModel.from_pretrained(folder).eval()
    extractor = hf.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.31, 0.12, 0.31, 0.2))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    inputs = [extractor(wave, sampling_rate=16000, return_tensors="pt")["input_values"] for wave in waves]
    expected = torch.stack([model(one).last_hidden_state[0].mean(0) for one in inputs])
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)
