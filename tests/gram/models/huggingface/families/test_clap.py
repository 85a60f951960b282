"""CLAP against the model called directly, one input at a time."""

import numpy as np
import pytest
import soundfile
import torch
import transformers as hf

from tests.helpers import tiny_encoders as tiny
from tests.helpers.direct_encoders import CLOSE, direct, load, only_ids, tokens_of


@torch.no_grad()
@pytest.mark.parametrize("fusion", [False, True])
def test_clap_hears_its_first_seconds_the_same_each_time(made, tmp_path, fusion):
    folder = made("clap", fusion=fusion)
    encoder, model = load(folder), direct(folder, "ClapModel")
    files = [tiny.recording(tmp_path / f"{i}.wav", i, s, rate=8000) for i, s in enumerate((0.4, 1.0, 2.5))]
    extractor = hf.ClapFeatureExtractor.from_pretrained(folder)
    expected = []
    for file in files:
        wave = soundfile.read(file, dtype="float32")[0][:8000]  # one second
        features = extractor(wave, sampling_rate=8000, return_tensors="pt")["input_features"].float()
        expected.append(model.get_audio_features(features, is_longer=torch.tensor([[False]])).pooler_output[0])
    np.testing.assert_allclose(encoder.encode("audio", files), torch.stack(expected), **CLOSE)
    texts = tiny.sentences()
    expected = [model.get_text_features(**only_ids(tokens_of(folder, t))).pooler_output[0] for t in texts]
    np.testing.assert_allclose(encoder.encode("text", texts), torch.stack(expected), **CLOSE)
    assert [encoder.read("audio", file).cut for file in files] == [False, False, True]
