"""Computing a layout: UMAP or PCA, and how far the picture can be trusted."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.data.embedding_set import EmbeddingSet
from gram.projection.layout import Layout, Settings
from gram.projection.rows import AnyRows, UnitRows
from gram.projection.stages import Progress, Stages
from gram.projection.store import find_layout, store_layout
from gram.projection.trust import trustworthiness
from gram.projection.umap import fit_umap, points_to_fit

_BLOCK = 8192


def project(
    embedding_set: EmbeddingSet,
    method: str = "umap",
    *,
    dims: int = 2,
    modalities: tuple[str, ...] | list[str] = (),
    neighbors: int = 15,
    min_distance: float = 0.1,
    seed: int = 0,
    fitted: int = 20_000,
    progress: Progress | None = None,
) -> Layout:
    """Return the layout of a set's embeddings, all modalities in one space; stored layouts are used and kept.

    Rows are scaled to length one first, so that UMAP's neighbours (by cosine, found exactly) and PCA's variance
    are about directions.

    Args:
        embedding_set: n items in k modalities; an item's missing modality is a row of NaN in the result.
        method: see `Settings`, as for the other options.
        dims: 2 or 3.
        modalities: those to place; all by default.
        neighbors: UMAP's.
        min_distance: UMAP's.
        seed: UMAP's; one thread is used, so that a seed fixes the picture.
        fitted: how many points UMAP is fitted on at most. Its `transform` places the others of a larger set, each
            by its nearest fitted points, which stay where they are.
        progress: called with the share done and the stage; an exception from it stops the work, and nothing is kept.

    Raises:
        ValueError: a bad option, a modality that the set lacks, or fewer than four embeddings.

    Source:
        UMAP: McInnes, Healy & Melville 2018, arXiv 1802.03426.

    Example:
        >>> layout = project(embedding_set, "pca")  # doctest: +SKIP (needs a set)
        >>> layout.points["text"].shape  # doctest: +SKIP
        (2000, 2)
    """
    settings = Settings(
        method=method,
        dims=dims,
        modalities=tuple(modalities),
        neighbors=neighbors,
        min_distance=min_distance,
        seed=seed,
        fitted=fitted,
    )
    layout = find_layout(embedding_set, settings)
    if layout is None:
        layout = compute_layout(embedding_set, settings, progress=progress)
        store_layout(layout)
    return layout


def compute_layout(embedding_set: EmbeddingSet, settings: Settings, *, progress: Progress | None = None) -> Layout:
    """Return the layout for `settings`, computed anew and not kept; see `project`.

    Vectors are read block by block, so a set on disk stays there; in memory are the points and what UMAP is fitted on.
    """
    begun = time.perf_counter()
    names = settings.chosen(embedding_set)
    present = {name: embedding_set.present(name).numpy() for name in names}
    rows = UnitRows(embedding_set, present)
    if len(rows) < 4:
        raise ValueError(f"embedding_set: expected at least 4 embeddings to project, got {len(rows)}")
    umap = settings.method == "umap"
    fitted = points_to_fit(present, settings) if umap else torch.ones(len(rows), dtype=torch.bool)
    stages = Stages(_weights(len(rows), int(fitted.sum()), umap=umap), progress)
    coordinates, explained = _principal_axes(rows, settings.dims, stages.within("finding axes"))
    if umap:
        coordinates, explained = fit_umap(rows, coordinates, fitted, settings, stages), ()
    trust = trustworthiness(rows, coordinates, seed=settings.seed, progress=stages.within("checking neighbourhoods"))
    placed = int((~fitted).sum())
    return Layout(
        points=_by_modality(coordinates.numpy(), present),
        settings=settings,
        key=settings.key(embedding_set),
        trustworthiness=float(trust.mean() or 0.0),
        trust_neighbors=trust.neighbors,
        trust_checked=len(trust.looked_at),
        placed=placed,
        trust_fitted=trust.mean(fitted) if placed else None,
        trust_placed=trust.mean(~fitted),
        explained=explained,
        seconds=time.perf_counter() - begun,
    )


def _weights(points: int, fitted: int, *, umap: bool) -> dict[str, float]:
    """Return about how long each stage takes, in seconds for 512 dimensions on two processors."""
    weights = {"finding axes": 1.3e-5 * points, "checking neighbourhoods": 1.5e-8 * points * min(points, 10_000)}
    if umap:
        weights |= {
            "finding neighbours": 8e-9 * fitted * fitted,
            "starting UMAP": 10.0,
            "arranging points": (6e-4 if fitted > 10_000 else 1.5e-3) * fitted,  # UMAP takes 200 epochs, or 500
            "placing the others": 5e-4 * (points - fitted),
        }
    return weights


def _by_modality(
    coordinates: Float[np.ndarray, "p dims"], present: dict[str, Bool[np.ndarray, " n"]]
) -> dict[str, Float[np.ndarray, "n dims"]]:
    ends = np.cumsum([mask.sum() for mask in present.values()])
    points = {}
    for (name, mask), part in zip(present.items(), np.split(coordinates, ends[:-1]), strict=True):
        points[name] = np.full((len(mask), coordinates.shape[1]), np.nan, dtype=np.float32)
        points[name][mask] = part
    return points


def _blocks(p: int, tell: Callable[[float], None], begin: float, end: float) -> Iterator[slice]:
    """Yield slices over p rows; tell after each how far it is, from `begin` to `end`."""
    for start in range(0, p, _BLOCK):
        stop = min(start + _BLOCK, p)
        yield slice(start, stop)
        tell(begin + (end - begin) * stop / p)


def _principal_axes(
    rows: AnyRows, dims: int, tell: Callable[[float], None]
) -> tuple[Float[Tensor, "p dims"], tuple[float, ...]]:
    """Return coordinates along the axes of largest variance and each axis' share of all variance.

    In float64, block by block, so that no copy of all rows is made. An axis points where its largest loading is
    positive. Axes beyond d, or all axes of equal rows, are 0.
    """
    p, d = rows.shape
    mean = sum(rows[block].sum(dim=0, dtype=torch.float64) for block in _blocks(p, tell, 0.0, 0.2)) / p
    scatter = torch.zeros(d, d, dtype=torch.float64)
    for block in _blocks(p, tell, 0.2, 0.8):
        centred = rows[block].double() - mean
        scatter += centred.T @ centred
    variances, axes = torch.linalg.eigh(scatter)
    variances, axes = variances.flip(0)[:dims].clamp(min=0), axes.flip(1)[:, :dims]
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)))
    coordinates = torch.zeros(p, dims)
    for block in _blocks(p, tell, 0.8, 1.0):
        coordinates[block, : axes.shape[1]] = ((rows[block].double() - mean) @ axes).float()
    total = float(scatter.trace())
    shares = [float(variance) / total if total > 0 else 0.0 for variance in variances]
    return coordinates, tuple(shares + [0.0] * (dims - len(shares)))
