"""AST against the model called directly, one recording at a time."""

import numpy as np
import soundfile
import torch
import transformers as hf

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, load


@torch.no_grad()
def test_spectrogram_transformers_are_what_they_pool(made, tmp_path):
    folder = made("audio_model", "audio-spectrogram-transformer")
    model, extractor = hf.ASTModel.from_pretrained(folder).eval(), hf.ASTFeatureExtractor.from_pretrained(folder)
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s) for i, s in enumerate((0.3, 0.5))]
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    inputs = [extractor(wave, sampling_rate=16000, return_tensors="pt")["input_values"] for wave in waves]
    expected = torch.stack([model(one).pooler_output[0] for one in inputs])
    np.testing.assert_allclose(load(folder).encode("audio", files), expected, **CLOSE)
