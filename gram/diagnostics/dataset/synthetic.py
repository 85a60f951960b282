"""Embedding sets with a fault that is known, and clean ones: what a diagnosis is tested on.

A clean set is drawn first. Items have meanings, in every third set gathered in classes. Either all modalities see the
same meaning, or each candidate sees mostly a part of its own and the anchor sees all parts, as models trained on
volumes have it. To each vector comes noise, and to each modality a distance from the others. Then one fault is put in,
of a strength that is drawn too:

| fault | what is done | strength |
|---|---|---|
| hubs | 1 to 5 % of the items get nearly collinear candidate vectors | their angles shrink to 1 to 20 % |
| sign-flip | one candidate modality or more is turned into its opposite | all of its rows |
| noise | one modality, at times the anchor, loses its items | its rows shuffled, or random directions |
| collapse | one modality, or all, on a point; or one on 1 to 3 dimensions | 2 to 25 % of the rest stays |
| swapped | 2 to 30 % of a modality's rows exchanged, in pairs, around, or shifted by one | whole rows |
| duplicates | 1 to 10 % of the items are copies, in all modalities or the candidates | exact, or in float16 |

A set that is so noisy, or noisy so unevenly, that small bases decide what volume finds has hubs without any being
planted; and a gap of usual size (centroids about 0.8 apart in CLIP) costs a noisy set retrieval, which a diagnosis
rightly says. So there are two kinds of clean sets: "none", even enough for volumes and with gaps of usual sizes, and
"noisy", with small gaps, which is clean to whoever asks by cosine.

`info["planted"]` says what was done to which modalities, and to which items.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gram.data.embedding_set import EmbeddingSet

NONE, NOISY = "none", "noisy"
FAULTS = ("hubs", "sign-flip", "noise", "collapse", "swapped", "duplicates")
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

Rows = dict[str, np.ndarray]


class _Drawn(NamedTuple):
    """A clean set's vectors, and what a fault needs to change them."""

    rows: Rows
    rng: np.random.Generator

    @property
    def anchor(self) -> str:
        return next(iter(self.rows))

    @property
    def candidates(self) -> list[str]:
        return list(self.rows)[1:]

    def some_items(self, low: float, high: float) -> np.ndarray:
        """Return a share of the items between low and high, at least 4, in the order of a draw."""
        n = len(self.rows[self.anchor])
        return self.rng.choice(n, size=max(4, round(n * self.rng.uniform(low, high))), replace=False)


def make_faulty_set(
    fault: str, *, seed: int, n: int | None = None, k: int | None = None, d: int | None = None
) -> EmbeddingSet:
    """Return a set of n items in k modalities with a fault of a drawn strength, or a clean one.

    Args:
        fault: one of `FAULTS`, or "none" or "noisy" for a clean set.
        seed: the same seed gives the same set.
        n: how many items, at least 50; drawn if None.
        k: how many modalities, 2 to 8; at least 3 where fewer cannot show the fault (hubs, noise); drawn if None.
        d: of the space; drawn if None.

    Raises:
        ValueError: an unknown fault, or n or k out of range.
    """
    if fault not in (*FAULTS, NONE, NOISY):
        raise ValueError(f"fault: expected one of {', '.join((*FAULTS, NONE, NOISY))}, got {fault!r}")
    least = 3 if fault in ("hubs", "noise") else MODALITIES[0]
    if k is not None and not least <= k <= len(_NAMES):
        raise ValueError(f"k: expected {least} to {len(_NAMES)} modalities for {fault}, got {k}")
    if n is not None and n < 50:
        raise ValueError(f"n: expected at least 50 items, got {n}")
    rng = np.random.default_rng([seed, *fault.encode()])
    n = n or int(_log_uniform(rng, ITEMS))
    k = k or int(rng.integers(least, MODALITIES[1] + 1))
    ranges = _UNEVEN if fault == NOISY else _EVEN if k > 2 else _PAIR
    d = d or int(rng.choice(ranges.dimensions))
    drawn = _Drawn(_clean(rng, n, k, d, ranges), rng)
    planted: dict[str, Any] = {"fault": fault, "modalities": [], "items": []}
    if fault in _PLANTS:
        planted |= _PLANTS[fault](drawn)
    ids = [f"{row:05d}" for row in range(n)]
    planted["items"] = sorted(ids[row] for row in planted["items"])
    return EmbeddingSet(
        {name: rows.astype(np.float32) for name, rows in drawn.rows.items()},
        pd.DataFrame({"id": ids}),
        {"name": f"planted {fault}, seed {seed}", "planted": planted},
    )


def _clean(rng: np.random.Generator, n: int, k: int, d: int, ranges: _Range) -> Rows:
    directions = _Directions(rng, n, d, ranges)
    common = 1.0 if rng.random() < 1 / 2 else rng.uniform(0.0, 0.1)  # of what a candidate says, what all say
    shared, parts = directions.meanings(), [directions.meanings() for _ in range(k - 1)]
    said = [np.sqrt(common) * shared + np.sqrt(1 - common) * part for part in (_unit(np.sum(parts, axis=0)), *parts)]
    noise = _log_uniform(rng, ranges.noise if common == 1 else ranges.noise_of_parts)
    of_anchor = noise if common == 1 else _log_uniform(rng, ranges.noise_of_whole)
    uneven = rng.uniform(0, ranges.uneven)
    gap = rng.uniform(*ranges.gap) if rng.random() < 3 / 4 else 0.0
    cone = _unit(rng.normal(size=d)) * rng.uniform()
    rows: Rows = {}
    for name, meaning in zip(_NAMES, said):
        strength = (noise if rows else of_anchor) * rng.uniform(0.8, 1.25) * np.exp(uneven * rng.normal(size=(n, 1)))
        offset = gap * _unit(cone + _unit(rng.normal(size=d)))
        rows[name] = _unit(_unit(meaning + strength * directions.draw()) + offset)
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
        return _unit(self._rng.normal(size=(self._n, len(self._axes))) @ self._axes)

    def meanings(self) -> np.ndarray:
        """Return n unit vectors, near to each other within a class."""
        own = self.draw()
        if self._class is None:
            return own
        return _unit(np.sqrt(self._between) * self.draw()[self._class] + np.sqrt(1 - self._between) * own)


def _hubs(drawn: _Drawn) -> dict[str, Any]:
    items = drawn.some_items(0.01, 0.05)
    middle: np.ndarray = np.mean([drawn.rows[name][items] for name in drawn.candidates], axis=0)
    shrunk = _log_uniform(drawn.rng, (0.01, 0.2))
    for name in drawn.candidates:
        rows = drawn.rows[name]
        rows[items] = _unit(middle + shrunk * (rows[items] - middle))
    return {"modalities": drawn.candidates, "items": items, "angles": shrunk}


def _sign_flip(drawn: _Drawn) -> dict[str, Any]:
    most = max(1, len(drawn.candidates) // 2)
    names = sorted(drawn.rng.choice(drawn.candidates, size=drawn.rng.integers(1, most + 1), replace=False).tolist())
    for name in names:
        drawn.rows[name] *= -1
    return {"modalities": names}


def _noise(drawn: _Drawn) -> dict[str, Any]:
    name = str(drawn.rng.choice(list(drawn.rows)))
    rows = drawn.rows[name]
    shuffled = bool(drawn.rng.random() < 0.5)
    drawn.rows[name] = drawn.rng.permutation(rows) if shuffled else _unit(drawn.rng.normal(size=rows.shape))
    return {"modalities": [name], "shuffled": shuffled}


def _collapse(drawn: _Drawn) -> dict[str, Any]:
    kind = str(drawn.rng.choice(["point", "dimensions", "together"]))
    names = list(drawn.rows) if kind == "together" else [str(drawn.rng.choice(list(drawn.rows)))]
    point = _unit(drawn.rng.normal(size=drawn.rows[drawn.anchor].shape[1:]))
    left, shrunk = int(drawn.rng.integers(1, 4)), _log_uniform(drawn.rng, (0.02, 0.25))
    for name in names:
        rows = drawn.rows[name]
        if kind == "dimensions":
            *_, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
            flat = _unit(rows @ axes[:left].T @ axes[:left])
            drawn.rows[name] = _unit(flat + shrunk * rows)  # no training leaves exact zeros
        else:
            drawn.rows[name] = _unit(point + shrunk * rows)
    return {"modalities": names, "kind": kind, "distances": shrunk}


def _swapped(drawn: _Drawn) -> dict[str, Any]:
    name = str(drawn.rng.choice(list(drawn.rows)))
    kind = str(drawn.rng.choice(["pairs", "around", "shifted"]))
    items = drawn.some_items(0.02, 0.30)
    if kind == "pairs":
        items = items[: len(items) // 2 * 2]
        sources = items.reshape(-1, 2)[:, ::-1].reshape(-1)
    else:
        if kind == "shifted":
            start = int(drawn.rng.integers(len(drawn.rows[name]) - len(items) + 1))
            items = np.arange(start, start + len(items))
        sources = np.roll(items, 1)
    drawn.rows[name][items] = drawn.rows[name][sources]
    return {"modalities": [name], "items": items, "kind": kind}


def _duplicates(drawn: _Drawn) -> dict[str, Any]:
    copies = drawn.some_items(0.01, 0.10)
    others = np.setdiff1d(np.arange(len(drawn.rows[drawn.anchor])), copies)
    originals = drawn.rng.choice(others, size=len(copies))
    everywhere, rounded = bool(drawn.rng.random() < 0.5), bool(drawn.rng.random() < 0.5)
    for name in drawn.rows if everywhere else drawn.candidates:
        rows = drawn.rows[name][originals]
        drawn.rows[name][copies] = rows.astype(np.float16) if rounded else rows
    names = list(drawn.rows) if everywhere else drawn.candidates
    return {"modalities": names, "items": np.union1d(copies, originals), "rounded": rounded}


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


_PLANTS: dict[str, Callable[[_Drawn], dict[str, Any]]] = {
    "hubs": _hubs,
    "sign-flip": _sign_flip,
    "noise": _noise,
    "collapse": _collapse,
    "swapped": _swapped,
    "duplicates": _duplicates,
}
