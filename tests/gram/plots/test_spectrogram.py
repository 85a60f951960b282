import numpy as np
import pytest
import torch

from gram.models.features import LogMel, band_hertz
from gram.plots import spectrogram


@pytest.fixture(scope="module")
def bands():
    return band_hertz(64, 8000).numpy()


def test_a_bands_frequency_is_where_its_tone_is_loudest(bands):
    mel = LogMel()
    for band in (10, 30, 50):
        wave = torch.sin(2 * np.pi * float(bands[band]) * torch.arange(8000) / 8000)
        assert mel(wave).mean(dim=1).argmax() == band


@pytest.mark.parametrize("dark", [False, True])
def test_a_tone_is_drawn_at_its_second_and_hertz(bands, dark):
    wave = np.zeros(16000, dtype=np.float32)
    wave[8000:12000] = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)
    figure = spectrogram(LogMel()(torch.tensor(wave)).numpy(), bands, frame_seconds=128 / 8000, dark=dark)
    heat = figure.data[0]
    levels = np.asarray(heat.z)
    loud = levels.mean(axis=0) > levels.mean()
    assert np.asarray(heat.x)[loud].min() == pytest.approx(1.0, abs=0.04)
    assert np.asarray(heat.x)[loud].max() == pytest.approx(1.5, abs=0.04)
    axis = figure.layout.yaxis
    tick = dict(zip(axis.ticktext, axis.tickvals))["1,000"]
    assert levels.mean(axis=1).argmax() == pytest.approx(tick, abs=1)
    assert figure.layout.xaxis.title.text == "seconds"
    assert axis.title.text == "hertz"


def test_every_band_needs_a_frequency(bands):
    with pytest.raises(ValueError, match="each of 3 bands; got 64"):
        spectrogram(np.zeros((3, 5)), bands, frame_seconds=0.016)
