import numpy as np
import pytest
import torch

from gram.training.spoken_numbers import augmentation as variation

MEL_TOP = 2595 * np.log10(1 + 4000 / 700)


HERTZ = 700 * (10 ** (np.arange(1, 65) / 65 * MEL_TOP / 2595) - 1)  # the filters' peaks, 64 bands up to 4 kHz


NEPERS = np.log(1e5)  # nepers of power in one unit of the features


def spectrogram(seed=0, frames=120):
    features = 0.2 * torch.randn(64, frames, generator=torch.Generator().manual_seed(seed))
    return features - features.mean()


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_a_variation_is_decided_by_its_generator_and_leaves_the_clip_alone():
    features = spectrogram()
    before = features.clone()
    first, again, other = (variation.vary(features, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)
    assert torch.equal(features, before)


@pytest.mark.parametrize("seed", range(30))
def test_a_variation_is_a_spectrogram_of_a_length_that_a_person_could_speak_in(seed):
    varied = variation.vary(spectrogram(seed), generator(seed))
    assert varied.isfinite().all()
    assert varied.shape[0] == 64
    assert 120 / 1.26 <= varied.shape[1] <= 120 / 0.79
    assert abs(float(varied.mean())) < 0.1


@pytest.mark.parametrize("tract", [0.85, 1.0, 1.2])
def test_another_vocal_tract_moves_every_frequency_by_its_factor(tract):
    features = torch.zeros(64, 40)
    features[30] = 1
    warped = variation._warped(features, tract=tract, tempo=1.0)
    assert warped.shape == features.shape
    peak = int(warped[:, 20].argmax())
    assert abs(HERTZ[peak] - tract * HERTZ[30]) <= np.diff(HERTZ)[peak - 1 : peak + 1].max()


def test_another_tempo_changes_when_and_not_what():
    features = torch.zeros(64, 100)
    features[20, 50] = 1
    slow = variation._warped(features, tract=1.0, tempo=0.8)
    assert slow.shape == (64, 125)
    assert abs(int(slow[20].argmax()) - 62) <= 1
    assert int(slow.max(dim=1).values.argmax()) == 20


def test_a_room_falls_by_sixty_decibels_in_its_time():
    silence = -30.0 / NEPERS
    features = torch.full((64, 80), silence)
    features[:, 10] = 0
    seconds = 0.48  # 30 frames
    heard = variation._echoed(features, seconds=seconds, share=0.5).double().numpy()[5] * NEPERS * 10 / np.log(10)
    assert heard[10] == pytest.approx(0, abs=0.01)
    assert heard[11] == pytest.approx(10 * np.log10(0.5) - 60 / 30, abs=0.01)
    assert heard[21] - heard[11] == pytest.approx(-60 * 10 / 30, abs=0.01)
    assert heard[9] < -100


def test_noise_lies_so_many_decibels_below_the_loudest_band():
    features = torch.full((64, 4000), -40.0 / NEPERS)
    features[10] = 0
    noisy = variation._noisy(features, below=20.0, tilt=0.0, generator=generator(0)).double().numpy()
    power = np.exp(noisy[40] * NEPERS).mean()
    assert 10 * np.log10(power) == pytest.approx(-20, abs=0.3)


def test_a_line_cuts_what_lies_outside_its_band():
    features = spectrogram()
    cut = variation._cut(features, 300.0, 3000.0).numpy()
    outside = (HERTZ < 300) | (HERTZ > 3000)
    assert (cut[outside] == float(features.min())).all()
    np.testing.assert_array_equal(cut[~outside], features.numpy()[~outside])
