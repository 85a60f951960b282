"""Golden values of projections, geometry and losses."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from gram import measures
from gram.geometry import (
    base_and_height,
    embed_in_3d,
    gram_matrix,
    heights,
    log_volume,
    pairwise_volume,
    random_volume,
    volume,
)
from gram.losses import LOSSES, AnchorMatching
from gram.projection import Layout, project
from tests.golden.sets import Sets, Values

# --- projection ---


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Keep what is computed out of the user's cache, and what is in there out of the values."""
    before = os.environ.get("GRAM_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRAM_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["GRAM_CACHE"]
            if before is not None:
                os.environ["GRAM_CACHE"] = before


def stored_pictures(sets: Sets) -> Values:
    """Return the layouts that ship with the sets, as they are found for them: their key and their first points."""
    with _empty_cache():
        found = {
            f"{name}, {method}, {dims}D": project(sets[name], method, dims=dims)
            for name in ("gram", "cosine")
            for method in ("pca", "umap")
            for dims in (2, 3)
        }
    return {name: {"key": layout.key, **_layout(layout, shown=2)} for name, layout in found.items()}


def principal_axes(sets: Sets) -> Values:
    """Return layouts by principal axes of 1,500 items, which none that ships shows, and where rows lack."""
    with _empty_cache():
        found = {
            "gram, 2D": project(sets["gram"].subset(slice(0, 1500)), "pca"),
            "cosine, two modalities, 3D": project(
                sets["cosine"].subset(slice(0, 1500)), "pca", dims=3, modalities=("text", "speech")
            ),
            "lacking, 2D": project(sets["lacking"].subset(slice(0, 300)), "pca"),
        }
    return {name: _layout(layout, shown=12) for name, layout in found.items()}


def neighbourhoods(sets: Sets) -> Values:
    """Return how true a UMAP of 120 items is; where its points are, and how far apart, differs between machines."""
    threads = torch.get_num_threads()
    with _empty_cache():
        layout = project(sets["gram"].subset(slice(0, 120)), "umap", seed=3)
    torch.set_num_threads(threads)  # UMAP's compiled code raises it, and what follows would wait for busy processors
    return {
        "modalities": list(layout.points),
        "shapes": [list(points.shape) for points in layout.points.values()],
        "neighbours_checked": layout.trust_neighbors,
        "points_checked": layout.trust_checked,
        "fitted": layout.fitted,
        "placed_afterwards": layout.placed,
        "trustworthiness": layout.trustworthiness,
    }


def _layout(layout: Layout, *, shown: int) -> Values:
    return {
        "trustworthiness": layout.trustworthiness,
        "neighbours_checked": layout.trust_neighbors,
        "points_checked": layout.trust_checked,
        "explained": list(layout.explained),
        "fitted": layout.fitted,
        "spreads": {name: np.nanstd(points.astype(float), axis=0).tolist() for name, points in layout.points.items()},
        "points": {name: points[:shown].astype(float).tolist() for name, points in layout.points.items()},
    }


# --- vectors and losses ---


def _vectors(*shape: int, seed: int) -> torch.Tensor:
    """Return random unit vectors in float64; numpy's generator gives the same on any machine."""
    drawn = np.random.default_rng(seed).standard_normal(shape)
    return torch.from_numpy(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))


def geometry(_: Sets) -> Values:
    """Return sizes and gradients of seeded vectors: 1 to 5 of them, of any length, dependent, with one missing."""
    bodies = {f"{k} unit vectors": _vectors(k, 6, seed=k) for k in range(1, 6)}
    bodies["3 of length 2"] = 2 * _vectors(3, 6, seed=10)
    bodies["more than dimensions"] = _vectors(4, 3, seed=11)
    bodies["two alike"] = _vectors(3, 6, seed=12)[[0, 1, 0]]
    bodies["one missing"] = _vectors(3, 6, seed=13).index_fill(0, torch.tensor([1]), torch.nan)
    bodies["nearly on a line"] = _vectors(1, 6, seed=14) + 1e-5 * _vectors(3, 6, seed=15)
    found: Values = {name: _body(vectors) for name, vectors in bodies.items()}
    found["3 unit vectors in float32"] = _body(bodies["3 unit vectors"].float())
    found["expected at random"] = [[k, d, random_volume(k, d)] for k, d in ((1, 5), (2, 2), (3, 128), (4, 128), (5, 4))]
    found["pairs"] = _pairs()
    return found


def _body(vectors: torch.Tensor) -> Values:
    place, distortion = embed_in_3d(vectors)
    return {
        "products": gram_matrix(vectors).tolist(),
        "volume": float(volume(vectors)),
        "log_volume": float(log_volume(vectors)),
        "heights": heights(vectors).tolist(),
        "in_3d": place.tolist(),
        "distortion": distortion,
        "gradient_of_volume": _gradients(lambda rows: volume(rows), vectors)[0].tolist(),
        "gradient_of_log_volume": _gradients(lambda rows: log_volume(rows), vectors)[0].tolist(),
        "gradient_of_heights": _gradients(lambda rows: heights(rows).nansum(), vectors)[0].tolist(),
    }


def _gradients(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> list[torch.Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    function(*leaves).sum().backward()
    return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def _pairs() -> Values:
    """Return every measure of 3 anchors with 4 candidates, one of which lacks a vector, and the gradients of volume."""
    anchors, *candidates = _vectors(3, 8, seed=20), *_vectors(3, 4, 8, seed=21)
    candidates[1][2] = torch.nan
    base, height = base_and_height(anchors, *candidates)
    gradients = _gradients(pairwise_volume, anchors, *candidates)
    return {
        "volumes": pairwise_volume(anchors, *candidates).tolist(),
        "bases": base.tolist(),
        "heights": height.tolist(),
        "gradients": [gradient.tolist() for gradient in gradients],
        "measures": {name: measures.score(name, anchors, *candidates).tolist() for name in measures.names(4)},
        "triangle": measures.score("triangle", anchors, *candidates[:2]).tolist(),
    }


def losses(_: Sets) -> Values:
    """Return value and lengths of gradients of every loss on 12 seeded items in 2 to 4 modalities."""
    found: Values = {}
    for name, kind in LOSSES.items():
        for k in (2, 3, 4) if kind.modalities is None else (kind.modalities,):
            rows = _items(k)
            for settings in ({}, {"temperature": 0.2, "label_smoothing": 0.0}):
                loss = kind(**settings)
                told = ", ".join(f"{key} {value}" for key, value in settings.items()) or "as it comes"
                gradients = _gradients(loss, *rows)
                with torch.no_grad():
                    value = float(kind(**settings)(*rows))
                found[f"{name}, {k} modalities, {told}"] = {
                    "value": value,
                    "gradients": [float(gradient.norm()) for gradient in gradients],
                    "gradients_of_temperatures": [
                        None if each.grad is None else float(each.grad) for each in loss.parameters()
                    ],
                }
    return found | {"matching": _matching()}


def _items(k: int) -> list[torch.Tensor]:
    """Return 12 unit vectors a modality, those of an item alike."""
    meaning = _vectors(12, 16, seed=30)
    rows = [meaning + 0.8 * _vectors(12, 16, seed=31 + place) for place in range(k)]
    return [torch.nn.functional.normalize(each, dim=1) for each in rows]


def _matching() -> Values:
    rows = _items(3)
    head = AnchorMatching(d=16, modalities=3, hidden=8).double()
    drawn = np.random.default_rng(40)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.from_numpy(drawn.standard_normal(tuple(parameter.shape)) / 4))
    return {
        "scores": head.score(*(each[:3] for each in rows)).tolist(),
        "gradients": [float(gradient.norm()) for gradient in _gradients(head, *rows)],
    }
