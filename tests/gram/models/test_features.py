"""Log-mel features: level, bands and filters."""

import numpy as np
import pytest
import torch

from gram.models.features import LogMel, hertz_to_mel, mel_filters


def test_a_louder_recording_has_the_same_features() -> None:
    sound = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    features = LogMel()(sound)
    torch.testing.assert_close(features, LogMel()(0.01 * sound), atol=1e-4, rtol=0)
    assert features.shape == (64, 1 + 4000 // 128)


@pytest.mark.parametrize("hertz", [300.0, 941.0, 1477.0, 3000.0])
def test_a_pure_tone_is_strongest_in_the_band_around_it(hertz: float) -> None:
    time = torch.arange(8000) / 8000
    features = LogMel()(torch.sin(2 * torch.pi * hertz * time)).mean(dim=1)
    centres = np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 66)[1:-1]
    assert abs(int(features.argmax()) - int(np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin())) <= 1


def test_filters_share_out_every_frequency_between_the_first_and_the_last_peak() -> None:
    filters = mel_filters(20, 513, 8000)
    inside = filters[:, (filters[0].argmax() + 1) : filters[-1].argmax()]
    torch.testing.assert_close(inside.sum(dim=0), torch.ones(inside.shape[1]), atol=1e-4, rtol=0)
    assert float(hertz_to_mel(torch.tensor([1000.0]))) == pytest.approx(1000, abs=0.1)
