"""Compute layouts: UMAP or PCA of all modalities in one space, with the trustworthiness of the picture."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gram.core.progress import Progress, no_progress, stage_progress, subprogress
from gram.data.embedding_set import EmbeddingSet
from gram.projection.layout import METHODS, Layout, Settings
from gram.projection.rows import AnyRows, UnitRows
from gram.projection.store import find_layout, shipped_name, store_layout
from gram.projection.trust import trustworthiness
from gram.projection.umap import fit_umap, points_to_fit

PROGRESS_STAGES = (
    "finding axes",
    "finding neighbours",
    "starting UMAP",
    "arranging points",
    "placing the others",
    "checking neighbourhoods",
)
_PCA_STAGES = (PROGRESS_STAGES[0], PROGRESS_STAGES[-1])
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
    progress: Progress = no_progress,
) -> Layout:
    """Return the layout of a set's embeddings, all modalities in one space; layouts are cached.

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
        fitted: how many points UMAP is fitted on at most; its `transform` places the others.
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
        method=method, dims=dims, modalities=tuple(modalities), neighbors=neighbors, min_distance=min_distance,
        seed=seed, fitted=fitted,
    )  # fmt: skip
    layout = find_layout(embedding_set, settings)
    if layout is None:
        layout = compute_layout(embedding_set, settings, progress=progress)
        store_layout(layout)
    return layout


def compute_layout(embedding_set: EmbeddingSet, settings: Settings, *, progress: Progress = no_progress) -> Layout:
    """Return the layout for `settings`, computed anew and not cached; see `project`.

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
    stages = stage_progress(progress, _weights(len(rows), int(fitted.sum()), umap=umap))
    coordinates, explained = _principal_axes(rows, settings.dims, stages["finding axes"])
    if umap:
        coordinates, explained = fit_umap(rows, coordinates, fitted, settings, stages), ()
    trust = trustworthiness(rows, coordinates, seed=settings.seed, progress=stages["checking neighbourhoods"])
    placed = int((~fitted).sum())
    return Layout(
        points=_by_modality(coordinates.numpy(), present), settings=settings, key=settings.key(embedding_set),
        trustworthiness=float(trust.mean() or 0.0), trust_neighbors=trust.neighbors,
        trust_checked=len(trust.looked_at), placed=placed, trust_fitted=trust.mean(fitted) if placed else None,
        trust_placed=trust.mean(~fitted), explained=explained, seconds=time.perf_counter() - begun,
    )  # fmt: skip


def write_layouts(
    set_dir: str | Path,
    out_dir: str | Path,
    *,
    seed: int = 0,
    progress: Callable[[str, float, str], None] | None = None,
) -> list[Path]:
    """Compute and write the layouts that ship with a set: every method in two and three dimensions.

    `find_layout` searches the folder `layouts` next to the set's. Progress is called with the layout's name first.

    Raises:
        EmbeddingSetError: the set cannot be read.
    """
    embedding_set = EmbeddingSet.load(set_dir)
    written = []
    for settings in (Settings(method=method, dims=dims, seed=seed) for method in METHODS for dims in (2, 3)):
        name = shipped_name(settings)
        report = no_progress if progress is None else partial(progress, name)
        written.append(Path(out_dir) / name)
        compute_layout(embedding_set, settings, progress=report).save(written[-1])
    return written


def _weights(points: int, fitted: int, *, umap: bool) -> dict[str, float]:
    """Return each stage's weight, in order: about its seconds for 512 dimensions on two processors."""
    seconds = {
        "finding axes": 1.3e-5 * points,
        "finding neighbours": 8e-9 * fitted * fitted,
        "starting UMAP": 10.0,
        "arranging points": (6e-4 if fitted > 10_000 else 1.5e-3) * fitted,  # UMAP takes 200 epochs, or 500
        "placing the others": 5e-4 * (points - fitted),
        "checking neighbourhoods": 1.5e-8 * points * min(points, 10_000),
    }
    return {stage: seconds[stage] if umap or stage in _PCA_STAGES else 0.0 for stage in PROGRESS_STAGES}


def _by_modality(
    coordinates: Float[np.ndarray, "p dims"], present: dict[str, Bool[np.ndarray, " n"]]
) -> dict[str, Float[np.ndarray, "n dims"]]:
    ends = np.cumsum([mask.sum() for mask in present.values()])
    points = {}
    for (name, mask), part in zip(present.items(), np.split(coordinates, ends[:-1]), strict=True):
        points[name] = np.full((len(mask), coordinates.shape[1]), np.nan, dtype=np.float32)
        points[name][mask] = part
    return points


def _blocks(p: int, progress: Progress) -> Iterator[slice]:
    """Yield slices over p rows; report after each."""
    for start in range(0, p, _BLOCK):
        yield slice(start, min(start + _BLOCK, p))
        progress(min(start + _BLOCK, p) / p)


def _principal_axes(rows: AnyRows, dims: int, progress: Progress) -> tuple[Float[Tensor, "p dims"], tuple[float, ...]]:
    """Return coordinates along the axes of largest variance (PCA) and each axis' share of all variance.

    As scikit-learn's solver "covariance_eigh", but in blocks, so that no more than a block of rows is in memory
    (`IncrementalPCA` is approximate); in float64. An axis points where its largest loading is positive. Axes beyond d,
    or all axes of equal rows, are 0.
    """
    p, d = rows.shape
    passes = [subprogress(progress, begin, end) for begin, end in ((0.0, 0.2), (0.2, 0.8), (0.8, 1.0))]
    mean = sum(rows[block].sum(dim=0, dtype=torch.float64) for block in _blocks(p, passes[0])) / p
    scatter = torch.zeros(d, d, dtype=torch.float64)
    for block in _blocks(p, passes[1]):
        centred = rows[block].double() - mean
        scatter += centred.T @ centred
    variances, axes = torch.linalg.eigh(scatter)
    variances, axes = variances.flip(0)[:dims].clamp(min=0), axes.flip(1)[:, :dims]
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)))
    coordinates = torch.zeros(p, dims)
    for block in _blocks(p, passes[2]):
        coordinates[block, : axes.shape[1]] = ((rows[block].double() - mean) @ axes).float()
    total = float(scatter.trace())
    shares = [float(variance) / total if total > 0 else 0.0 for variance in variances]
    return coordinates, tuple(shares + [0.0] * (dims - len(shares)))
