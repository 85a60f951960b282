"""Whisper against the model called directly, one recording at a time."""

import numpy as np
import soundfile
import torch
import transformers as hf

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, load


@torch.no_grad()
def test_whisper_is_the_mean_over_frames_with_sound(made, tmp_path):
    folder = made("audio_model", "whisper")
    model = hf.WhisperModel.from_pretrained(folder).eval().encoder
    extractor = hf.WhisperFeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.32, 0.8))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    states = [model(extractor(w, sampling_rate=16000, return_tensors="pt")["input_features"])[0][0] for w in waves]
    expected = torch.stack([states[0][:16].mean(0), states[1][:40].mean(0)])  # a frame each 20 ms
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)
