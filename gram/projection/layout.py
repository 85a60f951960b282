"""A projection as a value: its settings, its points, and how it is written to disk."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gram.core.atomic import replace_file
from gram.data.embedding_set import EmbeddingSet, unit_rows
from gram.errors import GramError

METHODS = ("umap", "pca")
_FORMAT = 1
_METADATA = "layout"
_ROWS_PER_UPDATE = 16384
_MIN_FITTED = 50


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a layout depends on besides the embeddings.

    Attributes:
        method: "umap" (neighbourhoods; distances between far groups mean little) or "pca" (linear, exact).
        dims: 2 or 3.
        modalities: those placed together in one space; empty for all that the set has.
        neighbors: UMAP's number of neighbours: small shows detail, large shows the whole. PCA ignores it.
        min_distance: how close UMAP packs points, from 0 (tight) to 1. PCA ignores it.
        seed: same seed, same picture. PCA ignores it.
        fitted: UMAP is fitted on at most so many points, a sample of items; it places the others of a larger set among
            them. PCA ignores it.

    Raises:
        ValueError: a value outside those above.
    """

    method: str = "umap"
    dims: int = 2
    modalities: tuple[str, ...] = ()
    neighbors: int = 15
    min_distance: float = 0.1
    seed: int = 0
    fitted: int = 20_000

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {self.method!r}")
        if self.dims not in (2, 3):
            raise ValueError(f"dims: expected 2 or 3, got {self.dims!r}")
        if self.neighbors < 2:
            raise ValueError(f"neighbors: expected at least 2, got {self.neighbors!r}")
        if not 0 <= self.min_distance <= 1:
            raise ValueError(f"min_distance: expected a number from 0 to 1, got {self.min_distance!r}")
        if self.fitted < _MIN_FITTED:
            raise ValueError(f"fitted: expected at least {_MIN_FITTED} points, got {self.fitted!r}")

    def chosen(self, embedding_set: EmbeddingSet) -> tuple[str, ...]:
        """Return the modalities to place, in order.

        Raises:
            ValueError: the set lacks one of them.
        """
        for name in self.modalities:
            embedding_set.present(name)
        return self.modalities or tuple(embedding_set.names)

    def key(self, embedding_set: EmbeddingSet) -> str:
        """Return a digest of all that the layout depends on: these settings and the directions of the embeddings.

        A set and its `normalized()` have the same. Rows are scaled block by block, so one on disk may stay there.
        """
        used: dict[str, object] = {"format": _FORMAT, "method": self.method, "dims": self.dims}
        if self.method == "umap":
            used |= {"neighbors": self.neighbors, "min_distance": self.min_distance, "seed": self.seed}
            if self.points(embedding_set) > self.fitted:
                used["fitted"] = self.fitted
        digest = hashlib.sha256(json.dumps(used, sort_keys=True).encode())
        for name in self.chosen(embedding_set):
            vectors = embedding_set.modalities[name]
            digest.update(json.dumps([name, list(vectors.shape)]).encode())
            for block in vectors.split(_ROWS_PER_UPDATE):
                digest.update(unit_rows(block).numpy().tobytes())
        return digest.hexdigest()

    def points(self, embedding_set: EmbeddingSet) -> int:
        """Return the number of points: the embeddings that are present.

        Raises:
            ValueError: the set lacks a modality.
        """
        return sum(int(embedding_set.present(name).sum()) for name in self.chosen(embedding_set))


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where each embedding of a set lies in the picture.

    Attributes:
        points: modality -> (n, dims) float32; a row of NaN where the item lacks the modality.
        settings: what it was computed with.
        key: `settings.key` of the set it shows.
        trustworthiness: from 0 to 1; 1 when each point's neighbours in the picture are its neighbours by cosine
            (Venna & Kaski 2001).
        trust_neighbors: how many neighbours of a point that looks at.
        trust_checked: how many points it is the mean of; all of them, or a sample when there are many.
        placed: how many points UMAP placed among those that it was fitted on; 0 if it was fitted on all, or for PCA.
        trust_fitted: the trustworthiness of the fitted points looked at; None where no point was placed.
        trust_placed: that of the placed points looked at, likewise.
        explained: PCA's share of the variance along each axis; empty for UMAP.
        seconds: how long it took.
    """

    points: dict[str, Float[np.ndarray, "n dims"]]
    settings: Settings
    key: str
    trustworthiness: float
    trust_neighbors: int
    trust_checked: int
    placed: int = 0
    trust_fitted: float | None = None
    trust_placed: float | None = None
    explained: tuple[float, ...] = field(default=())
    seconds: float = 0.0

    @property
    def fitted(self) -> int:
        """Number of points that UMAP was fitted on: all present ones, less those placed afterwards."""
        return sum(int((~np.isnan(places[:, 0])).sum()) for places in self.points.values()) - self.placed

    def save(self, path: str | Path) -> None:
        """Write the layout to a safetensors file, whole or not at all."""
        replace_file(Path(path), self.write)

    def write(self, path: Path) -> None:
        """Write the layout to a new safetensors file."""
        facts = asdict(self)
        facts["order"] = list(facts.pop("points"))
        tensors = {name: np.ascontiguousarray(points) for name, points in self.points.items()}
        save_file(tensors, path, metadata={_METADATA: json.dumps(facts)})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the layout in the file `path`.

        Raises:
            GramError: the file is absent, cut short, or no layout.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                facts = json.loads((file.metadata() or {})[_METADATA])
                points = {name: file.get_tensor(name) for name in facts.pop("order")}
            settings = facts.pop("settings")
            settings["modalities"] = tuple(settings["modalities"])
            facts["explained"] = tuple(facts["explained"])
            return cls(points=points, settings=Settings(**settings), **facts)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise GramError(f"{path}: is no readable layout; delete it and project again ({error})") from error

    @staticmethod
    def key_in(path: str | Path) -> str | None:
        """Return the key of the layout in the file `path` without reading its points; None if unreadable."""
        try:
            with safe_open(path, framework="numpy") as file:
                return str(json.loads((file.metadata() or {})[_METADATA])["key"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
