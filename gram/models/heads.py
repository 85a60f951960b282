"""Projection heads: standardise, project, normalise, one head a modality."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.data.segments import blocks
from gram.errors import ModelError

KINDS = ("linear", "mlp")
_BLOCK = 16384


@dataclass(frozen=True, kw_only=True)
class HeadsConfig:
    """The architecture of heads.

    Attributes:
        d: dimensions of the shared space.
        head: "linear", or "mlp" with one hidden layer.
        hidden: width of that layer.

    Raises:
        ValueError: a setting is out of its range; the message names the range.
    """

    d: int = 64
    head: str = "linear"
    hidden: int = 256

    def __post_init__(self) -> None:
        if self.head not in KINDS:
            raise ValueError(f"head must be one of {', '.join(KINDS)}; got {self.head!r}")
        for name in ("d", "hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")


class Heads(nn.Module):
    """One head a modality, into one space of unit vectors.

    A head takes x to h((x - mean) / spread) / its length, h linear or with one hidden layer. Means and spreads are
    those of the training rows, coordinate by coordinate; constant coordinates are ignored.

    Attributes:
        sizes: modality -> dimensions of its features, in the set's order.
        config: their architecture.
        training_settings: settings of their training by name, such as "loss"; empty if unknown.
        info: the set's name, the number of training rows, ...
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        config: HeadsConfig,
        *,
        training: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.sizes, self.config = dict(sizes), config
        self.training_settings, self.info = dict(training or {}), dict(info or {})
        self.layers = nn.ModuleList(_layers(size, config) for size in self.sizes.values())
        for place, size in enumerate(self.sizes.values()):
            self.register_buffer(f"mean_{place}", torch.zeros(size))
            self.register_buffer(f"scale_{place}", torch.ones(size))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.sizes)

    @property
    def d(self) -> int:
        """Dimensions of the shared space."""
        return self.config.d

    @torch.no_grad()
    def fit_statistics(self, modality: str, rows: Float[Tensor, "n size"]) -> None:
        """Fit mean and spread of a modality to complete rows, in float64.

        A coordinate whose spread is within the rounding error of its largest value is ignored.
        """
        place, (n, size) = self.modalities.index(modality), rows.shape
        mean, squares, largest = torch.zeros(3, size, dtype=torch.float64)
        for block in blocks(n, size):
            mean += rows[block].double().sum(dim=0) / n
        for block in blocks(n, size):
            exact = rows[block].double()
            squares += (exact - mean).square().sum(dim=0)
            largest = largest.maximum(exact.abs().amax(dim=0))
        spread = (squares / n).sqrt()
        noise = torch.finfo(rows.dtype).eps * largest  # the rounding error of a constant column
        scale = torch.where(spread > noise, 1 / spread.clamp_min(torch.finfo(torch.float64).tiny), 0.0)
        self.get_buffer(f"mean_{place}").copy_(mean)
        self.get_buffer(f"scale_{place}").copy_(scale)

    def forward(self, features: Mapping[str, Float[Tensor, "n size"]]) -> dict[str, Float[Tensor, "n d"]]:
        """Return unit vectors of the shared space, modality by modality; gradients reach the heads."""
        return {
            name: nn.functional.normalize(self.layers[self.modalities.index(name)](self.standardise(name, rows)))
            for name, rows in features.items()
        }

    def standardise(self, modality: str, rows: Float[Tensor, "n size"]) -> Float[Tensor, "n size"]:
        """Return (rows - mean) / spread."""
        place = self.modalities.index(modality)
        return (rows.float() - self.get_buffer(f"mean_{place}")) * self.get_buffer(f"scale_{place}")

    @torch.inference_mode()
    def encode(self, modality: str, rows: Sequence[Any] | Float[Tensor, "n size"]) -> Float[Tensor, "n d"]:
        """Return unit float32 vectors of features of one modality; rows of NaN stay NaN.

        Raises:
            ModelError: an unknown modality, or rows of another size.
        """
        if modality not in self.sizes:
            raise ModelError(f"these heads have no modality {modality!r}; they have {', '.join(self.sizes)}")
        features = rows if isinstance(rows, Tensor) else torch.from_numpy(np.stack([np.asarray(row) for row in rows]))
        if features.ndim != 2 or features.shape[1] != self.sizes[modality]:
            raise ModelError(
                f"the head of {modality} takes {self.sizes[modality]:,} numbers a row, got shape "
                f"{tuple(features.shape)}: give features of the encoder that it was trained on"
            )
        device = self.get_buffer("mean_0").device
        parts = [self({modality: block.to(device)})[modality].cpu() for block in features.split(_BLOCK)]
        return torch.cat(parts) if parts else torch.empty(0, self.d)

    def apply_to(self, features: FeatureSet) -> EmbeddingSet:
        """Return the items of a feature set in the shared space.

        Raises:
            ModelError: a modality of these heads is missing or of another size.
        """
        for name, size in self.sizes.items():
            if name not in features.names:
                raise ModelError(
                    f"the heads take {', '.join(self.sizes)}, and these features have {', '.join(features.names)}: "
                    f"{name} is missing"
                )
            if features.sizes[name] != size:
                raise ModelError(
                    f"the head of {name} takes {size:,} numbers a row, and these have {features.sizes[name]:,}"
                )
        anchor = features.anchor if features.anchor in self.sizes else self.modalities[0]
        made = EmbeddingSet(
            modalities={name: self.encode(name, features.modalities[name]) for name in self.sizes},
            items=features.items,
            info={**features.info, "anchor": anchor, "model": self.training_settings.get("loss", "heads")},
        )
        made.path = features.path
        return made


def first_layer(head: nn.Module) -> nn.Linear:
    """Return the first linear layer of a head."""
    return next(layer for layer in head.modules() if isinstance(layer, nn.Linear))


def _layers(size: int, config: HeadsConfig) -> nn.Module:
    if config.head == "linear":
        return nn.Linear(size, config.d)
    return nn.Sequential(nn.Linear(size, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.d))
