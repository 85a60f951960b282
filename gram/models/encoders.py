"""The encoders of the built-in modalities: a padded batch to one vector (d,) an item, not yet normalised."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Batch(NamedTuple):
    """Examples of one modality, padded to one length; `lengths` are the unpadded lengths of the last axis."""

    values: Tensor  # text (b, words), image (b, 8, 32), audio (b, bands, frames)
    lengths: Int[Tensor, " b"]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.values.to(device, non_blocking=True), self.lengths.to(device, non_blocking=True))


def present(lengths: Int[Tensor, " b"], size: int) -> Bool[Tensor, "b size"]:
    """Return the mask of the positions within each example's length."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class AttentionPool(nn.Module):
    """Attention pooling: `queries` softmax-weighted means of the valid positions, concatenated."""

    def __init__(self, width: int, queries: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(width, queries)

    def forward(
        self, sequence: Float[Tensor, "b t width"], real: Bool[Tensor, "b t"]
    ) -> Float[Tensor, "b queries*width"]:
        """Return the pooled sequence."""
        weights = self.weigh(sequence).masked_fill(~real[..., None], float("-inf")).softmax(dim=1)
        return torch.einsum("btq,btw->bqw", weights, sequence).flatten(1)


class Recurrent(nn.Module):
    """A bidirectional GRU over the valid positions of a padded batch."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width_in, width, batch_first=True, bidirectional=True)

    def forward(
        self, sequence: Float[Tensor, "b t width_in"], lengths: Int[Tensor, " b"]
    ) -> Float[Tensor, "b t 2*width"]:
        """Return the states of both directions at each position; zero at padding."""
        packed = nn.utils.rnn.pack_padded_sequence(sequence, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=sequence.shape[1]
        )
        return states


class TextEncoder(nn.Module):
    """Words to a vector: embeddings, a bidirectional GRU, attention pooling."""

    def __init__(self, d: int, *, vocabulary: int, width: int = 96, queries: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.recurrent = Recurrent(width, width)
        self.pool = AttentionPool(2 * width, queries)
        self.project = nn.Linear(2 * width * queries, d)

    def forward(self, batch: Batch) -> Float[Tensor, "b d"]:
        """Return one vector an item."""
        states = self.recurrent(self.embed(batch.values.long()), batch.lengths)
        return self.project(self.pool(states, present(batch.lengths, states.shape[1])))


class ImageEncoder(nn.Module):
    """Four handwritten digits side by side to a vector: three convolutions, then a linear map of the grid."""

    def __init__(self, d: int, *, channels: int = 24, width: int = 192) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            *_convolution(1, channels),
            *_convolution(channels, 2 * channels),
            nn.MaxPool2d(2),
            *_convolution(2 * channels, 3 * channels),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.project = nn.Sequential(nn.Linear(3 * channels * 2 * 8, width), nn.GELU(), nn.Linear(width, d))

    def forward(self, batch: Batch) -> Float[Tensor, "b d"]:
        """Return one vector an item; pixel values are 0 to 16."""
        return self.project(self.convolve(batch.values[:, None] / 8.0 - 1.0))


def _convolution(channels_in: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.GELU()]


class AudioEncoder(nn.Module):
    """A log-mel spectrogram of any length to a vector: strided convolutions, a GRU, attention pooling.

    Padding is zeroed before each convolution, so that an item's vector does not depend on its batch.
    """

    def __init__(
        self,
        d: int,
        *,
        bands: int = 64,
        channels: int = 128,
        width: int = 96,
        queries: int = 4,
        strides: tuple[int, ...],
    ) -> None:
        super().__init__()
        sizes = [bands, *[channels] * len(strides)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size_in, size, 5, stride, padding=2) for size_in, size, stride in zip(sizes, sizes[1:], strides)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in strides)
        self.strides = strides
        self.recurrent = Recurrent(channels, width)
        self.pool = AttentionPool(2 * width, queries)
        self.project = nn.Sequential(nn.Linear(2 * width * queries, 192), nn.GELU(), nn.Linear(192, d))

    def forward(self, batch: Batch) -> Float[Tensor, "b d"]:
        """Return one vector an item."""
        features, lengths = batch
        real = present(lengths, features.shape[-1])
        for convolution, norm, stride in zip(self.convolutions, self.norms, self.strides):
            features = nn.functional.gelu(norm(convolution(features * real[:, None])))
            lengths = (lengths - 1) // stride + 1
            real = present(lengths, features.shape[-1])
        states = self.recurrent(features.transpose(1, 2), lengths)
        return self.project(self.pool(states, real))
