"""Embedding sets with a known fault, and clean ones: what a diagnosis is tested on.

A clean set is drawn first. Items have meanings, in every third set gathered in classes. Either all modalities see the
same meaning, or each candidate sees mostly a part of its own and the anchor sees all parts, as models trained on
volumes have it. Noise is added to each vector, and an offset to each modality. Then one fault is planted, of a strength
that is drawn too; the `plant_*` function of each fault's file says how.

A set that is so noisy, or noisy so unevenly, that small bases decide what volume finds has hubs without any being
planted; and a gap of usual size (centroids about 0.8 apart in CLIP) costs a noisy set retrieval, which a diagnosis
rightly reports. So there are two kinds of clean sets: "none", even enough for volumes and with gaps of usual sizes, and
"noisy", with small gaps, which is clean under the cosine measures.

`info["planted"]` says what was done to which modalities, and to which items.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics.dataset.base import FAULTS, CleanSet, log_uniform, unit

NONE, NOISY = "none", "noisy"
ITEMS, MODALITIES = (200, 1500), (2, 5)


class _Range(NamedTuple):
    """What is drawn for a clean set, from the first to the second number; noise is its length beside unit vectors."""

    noise: tuple[float, float]  # where all modalities see the same
    noise_of_parts: tuple[float, float]  # of a candidate, where each sees a part
    noise_of_whole: tuple[float, float]  # of the anchor, where it sees all parts
    dimensions: tuple[int, ...]
    steepness: float  # at most: standard deviations along the axes fall as j to minus this power
    between: tuple[float, float]  # of the variance of meanings, what lies between classes
    uneven: float  # at most: standard deviation of the logarithm of an item's noise
    gap: tuple[float, float]  # length of a modality's offset beside unit vectors; a quarter of the sets has none


_EVEN = _Range((0.15, 0.4), (0.2, 0.6), (0.2, 1.0), (64, 128, 256, 512), 0.2, (0.1, 0.3), 0.1, (0.2, 0.8))
_UNEVEN = _Range((0.3, 1.5), (0.3, 1.5), (0.3, 1.5), (32, 64, 128, 256), 0.5, (0.2, 0.6), 0.3, (0.1, 0.3))
_PAIR = _Range((0.2, 0.8), (0.2, 0.8), (0.2, 0.8), (64, 128, 256, 512), 0.3, (0.2, 0.5), 0.2, (0.2, 0.8))
_NAMES = ("text", "image", "speech", "tones", "depth", "touch", "smell", "taste")


def plantable_faults() -> list[str]:
    """Return the names of the faults that `make_faulty_set` can plant."""
    return [name for name, fault in FAULTS.items() if fault.plant is not None]


def make_faulty_set(
    fault: str, *, seed: int, n: int | None = None, k: int | None = None, d: int | None = None
) -> EmbeddingSet:
    """Return a set of n items in k modalities with a fault of a drawn strength, or a clean one.

    Args:
        fault: one of `plantable_faults()`, or "none" or "noisy" for a clean set.
        seed: the same seed gives the same set.
        n: how many items, at least 50; drawn if None.
        k: how many modalities, 2 to 8; at least 3 where fewer cannot show the fault (hubs, noise); drawn if None.
        d: of the space; drawn if None.

    Raises:
        ValueError: an unknown fault, or n or k out of range.
    """
    kinds = [*plantable_faults(), NONE, NOISY]
    if fault not in kinds:
        raise ValueError(f"fault: expected one of {', '.join(kinds)}, got {fault!r}")
    least = FAULTS.get(fault).min_modalities if fault in FAULTS else MODALITIES[0]
    if k is not None and not least <= k <= len(_NAMES):
        raise ValueError(f"k: expected {least} to {len(_NAMES)} modalities for {fault}, got {k}")
    if n is not None and n < 50:
        raise ValueError(f"n: expected at least 50 items, got {n}")
    rng = np.random.default_rng([seed, *fault.encode()])
    n = n or int(log_uniform(rng, ITEMS))
    k = k or int(rng.integers(least, MODALITIES[1] + 1))
    ranges = _UNEVEN if fault == NOISY else _EVEN if k > 2 else _PAIR
    d = d or int(rng.choice(ranges.dimensions))
    clean = CleanSet(_clean_rows(rng, n, k, d, ranges), rng)
    planted: dict[str, Any] = {"fault": fault, "modalities": [], "items": []}
    plant = FAULTS.get(fault).plant if fault in FAULTS else None
    if plant is not None:
        planted |= plant(clean)
    ids = [f"{row:05d}" for row in range(n)]
    planted["items"] = sorted(ids[row] for row in planted["items"])
    return EmbeddingSet(
        {name: rows.astype(np.float32) for name, rows in clean.rows.items()},
        pd.DataFrame({"id": ids}),
        {"name": f"planted {fault}, seed {seed}", "planted": planted},
    )


def _clean_rows(rng: np.random.Generator, n: int, k: int, d: int, ranges: _Range) -> dict[str, np.ndarray]:
    directions = _Directions(rng, n, d, ranges)
    common = 1.0 if rng.random() < 1 / 2 else rng.uniform(0.0, 0.1)  # of what a candidate says, what all say
    shared, parts = directions.meanings(), [directions.meanings() for _ in range(k - 1)]
    said = [np.sqrt(common) * shared + np.sqrt(1 - common) * part for part in (unit(np.sum(parts, axis=0)), *parts)]
    noise = log_uniform(rng, ranges.noise if common == 1 else ranges.noise_of_parts)
    of_anchor = noise if common == 1 else log_uniform(rng, ranges.noise_of_whole)
    uneven = rng.uniform(0, ranges.uneven)
    gap = rng.uniform(*ranges.gap) if rng.random() < 3 / 4 else 0.0
    cone = unit(rng.normal(size=d)) * rng.uniform()
    rows: dict[str, np.ndarray] = {}
    for name, meaning in zip(_NAMES, said):
        strength = (noise if rows else of_anchor) * rng.uniform(0.8, 1.25) * np.exp(uneven * rng.normal(size=(n, 1)))
        offset = gap * unit(cone + unit(rng.normal(size=d)))
        rows[name] = unit(unit(meaning + strength * directions.draw()) + offset)
    return rows


class _Directions:
    """Random directions of one set: some axes vary more than others, and there may be classes."""

    def __init__(self, rng: np.random.Generator, n: int, d: int, ranges: _Range) -> None:
        self._rng, self._n = rng, n
        self._axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
        self._axes *= (1 + np.arange(d))[:, None] ** -rng.uniform(0, ranges.steepness)
        classes = int(rng.integers(5, 50))
        self._class = rng.integers(classes, size=n) if rng.random() < 1 / 3 else None
        self._between = rng.uniform(*ranges.between)

    def draw(self) -> np.ndarray:
        """Return n unit vectors."""
        return unit(self._rng.normal(size=(self._n, len(self._axes))) @ self._axes)

    def meanings(self) -> np.ndarray:
        """Return n unit vectors, near to each other within a class."""
        own = self.draw()
        if self._class is None:
            return own
        return unit(np.sqrt(self._between) * self.draw()[self._class] + np.sqrt(1 - self._between) * own)
