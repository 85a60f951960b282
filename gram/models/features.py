"""Log-mel spectrograms, the input of the audio encoders."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

_FLOOR = 1e-5  # added to each band's power before the logarithm; the waveform's mean power is 1


def hertz_to_mel(hertz: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return mel = 2595 log10(1 + hertz / 700) (O'Shaughnessy 1987)."""
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)


def band_hertz(bands: int, sample_rate: int) -> Float[Tensor, " bands"]:
    """Return the frequency at the peak of each filter of `mel_filters`, in hertz, rising."""
    return 700.0 * (10.0 ** (_mel_edges(bands, sample_rate)[1:-1] / 2595.0) - 1.0)


def mel_filters(bands: int, bins: int, sample_rate: int) -> Float[Tensor, "bands bins"]:
    """Return triangular filters, equally wide in mel from 0 Hz to half the sample rate, each with a peak of 1."""
    edges = _mel_edges(bands, sample_rate)
    mel = hertz_to_mel(torch.linspace(0.0, sample_rate / 2.0, bins, dtype=torch.float64))
    step = edges[1] - edges[0]
    return (1.0 - (mel - edges[1:-1, None]).abs() / step).clamp(min=0.0).float()


def _mel_edges(bands: int, sample_rate: int) -> Float[Tensor, " edges"]:
    top = hertz_to_mel(torch.tensor(sample_rate / 2.0, dtype=torch.float64))
    return torch.linspace(0.0, float(top), bands + 2, dtype=torch.float64)


class LogMel(nn.Module):
    """Log-mel spectrogram of a waveform of any length and level.

    log(filters |STFT|^2 + 1e-5) of the waveform scaled to a mean power of 1, minus its mean: features do not depend
    on the level of the recording. Hann window of 32 ms, one frame every 16 ms at 8 kHz.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, *, bands: int = 64, sample_rate: int = 8000, window: int = 256, hop: int = 128) -> None:
        super().__init__()
        self.hop = hop
        self.size = 2 * window
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.register_buffer("filters", mel_filters(bands, window + 1, sample_rate), persistent=False)

    def forward(self, waveform: Float[Tensor, " samples"]) -> Float[Tensor, "bands frames"]:
        """Return the features of one waveform; zeros for silence; a waveform shorter than one window is padded."""
        power = waveform.square().mean()
        if waveform.numel() == 0 or power == 0:
            frames = 1 + max(waveform.numel(), self.window.numel()) // self.hop
            return waveform.new_zeros(self.filters.shape[0], frames)
        short = max(0, self.window.numel() - waveform.numel())
        level = nn.functional.pad(waveform / power.sqrt(), (0, short))
        spectrum = torch.stft(
            level,
            self.size,
            self.hop,
            self.window.numel(),
            self.window,
            pad_mode="constant",
            return_complex=True,
        )
        scaled = spectrum.abs().square() / self.window.square().sum()
        features = (self.filters @ scaled + _FLOOR).log()
        return (features - features.mean()) / -math.log(_FLOOR)
