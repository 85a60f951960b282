"""Augmentation of log-mel spectrograms (`gram.models.features.LogMel`), drawn anew at every step.

Vocal tract (the frequency axis scaled), tempo, reverberation, line, background noise, and masks.

Sources: N. Jaitly, G. Hinton, "Vocal Tract Length Perturbation (VTLP) improves speech recognition", ICML workshop
2013; D. Park et al., "SpecAugment", Interspeech 2019, arXiv 1904.08779.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gram.datasets.spoken_numbers import SAMPLE_RATE
from gram.models.features import band_hertz

NEPER = 1 / -math.log(1e-5)  # one neper of power in the unit of the features, see LogMel
FRAMES_A_SECOND = 62.5
TRACT = (0.82, 1.22)  # factor on all frequencies
TEMPO = (0.8, 1.25)
TILT_DECIBELS = 8.0  # from the lowest band to the highest, either way
RIPPLE_DECIBELS = 3.0  # standard deviation of each slow wave along the bands
ECHO = (0.1, 0.6)  # seconds in which a room's sound falls by 60 dB
NOISE_BELOW = (8.0, 35.0)  # decibels under the loudest band's mean
LOW_CUT, HIGH_CUT = (50.0, 400.0), (2200.0, 4000.0)  # hertz
MASKS, WIDEST_MASK = (2, 1), (8, 5)  # how many across bands and frames, and their widest

_DECIBEL = math.log(10) / 10 * NEPER


def vary(features: Float[Tensor, "bands frames"], generator: torch.Generator) -> Float[Tensor, "bands times"]:
    """Return a log-mel spectrogram augmented at random, with mean 0; its length changes with its tempo."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    varied = _warped(features, tract=draw(*TRACT), tempo=draw(*TEMPO))
    if draw(0, 1) < 0.4:
        varied = _echoed(varied, seconds=draw(*ECHO), share=draw(0.05, 0.4))
    varied = varied + _line(features.shape[0], tilt=draw(-1, 1) * TILT_DECIBELS * _DECIBEL, generator=generator)
    if draw(0, 1) < 0.3:
        varied = _cut(varied, draw(*LOW_CUT), draw(*HIGH_CUT))
    if draw(0, 1) < 0.4:
        varied = _noisy(varied, below=draw(*NOISE_BELOW), tilt=draw(-1, 0.3), generator=generator)
    varied = varied - varied.mean()
    for axis in (0, 1):
        for _ in range(MASKS[axis]):
            width = int(draw(0, WIDEST_MASK[axis] + 1))
            start = int(draw(0, max(1, varied.shape[axis] - width)))
            varied.narrow(axis, start, min(width, varied.shape[axis] - start)).zero_()
    return varied


def _warped(features: Float[Tensor, "bands frames"], *, tract: float, tempo: float) -> Float[Tensor, "bands times"]:
    """Return the sound of a vocal tract whose resonances lie `tract` times as high, spoken `tempo` times as fast."""
    bands, frames = features.shape
    hertz = band_hertz(bands, SAMPLE_RATE)
    wanted = (hertz / tract).clamp(hertz[0], hertz[-1])
    above = torch.searchsorted(hertz, wanted).clamp(1, bands - 1)
    rows = above - 1 + (wanted - hertz[above - 1]) / (hertz[above] - hertz[above - 1])
    columns = torch.linspace(0, frames - 1, max(2, round(frames / tempo)), dtype=rows.dtype)
    grid = torch.stack(torch.meshgrid(rows / (bands - 1), columns / max(1, frames - 1), indexing="ij")[::-1], dim=-1)
    warped = torch.nn.functional.grid_sample(
        features[None, None], (2 * grid[None] - 1).to(features), align_corners=True, padding_mode="border"
    )
    return warped[0, 0]


def _echoed(features: Float[Tensor, "bands frames"], *, seconds: float, share: float) -> Float[Tensor, "bands frames"]:
    """Return the sound with reverberation: power decaying by 60 dB in `seconds`, from `share` of the sound."""
    power = (features / NEPER).exp()
    count = max(2, min(features.shape[1], round(seconds * FRAMES_A_SECOND)))
    tail = share * 10 ** (-6 * torch.arange(count) / (seconds * FRAMES_A_SECOND))
    tail[0] = 1.0
    kernel = tail.flip(0).to(power)[None, None]
    padded = torch.nn.functional.pad(power[:, None], (count - 1, 0))
    return torch.nn.functional.conv1d(padded, kernel)[:, 0].log() * NEPER


def _line(bands: int, *, tilt: float, generator: torch.Generator) -> Float[Tensor, "bands 1"]:
    """Return the gain of a microphone and a line in each band: a tilt and three slow waves."""
    place = torch.linspace(-0.5, 0.5, bands)
    waves = torch.arange(1, 4)[:, None] * math.pi * (place + 0.5) + 2 * math.pi * torch.rand(3, 1, generator=generator)
    sizes = RIPPLE_DECIBELS * _DECIBEL * torch.randn(3, 1, generator=generator)
    return (tilt * place + (sizes * waves.cos()).sum(dim=0))[:, None]


def _cut(features: Float[Tensor, "bands frames"], low: float, high: float) -> Float[Tensor, "bands frames"]:
    """Return the sound of a line that passes only frequencies between two limits, in hertz."""
    hertz = band_hertz(features.shape[0], SAMPLE_RATE).to(features.device)
    outside = (hertz < low) | (hertz > high)
    return torch.where(outside[:, None], features.min(), features)


def _noisy(
    features: Float[Tensor, "bands frames"], *, below: float, tilt: float, generator: torch.Generator
) -> Float[Tensor, "bands frames"]:
    """Return the sound in steady noise, `below` decibels under its loudest band, `tilt` x 20 dB louder at the top."""
    bands = features.shape[0]
    loudest = (features / NEPER).exp().mean(dim=1).max().log()
    shape = torch.linspace(0, 1, bands)[:, None] * tilt * 20 * math.log(10) / 10
    grain = torch.empty(features.shape).exponential_(generator=generator)
    noise = (loudest - below * math.log(10) / 10 + shape).exp() * grain
    return ((features / NEPER).exp() + noise).log() * NEPER
