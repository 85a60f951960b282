"""Computing a layout: exact neighbours, UMAP or PCA, and how far the picture can be trusted."""

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.embedding_set import EmbeddingSet
from gram.projection.layout import Layout, Settings, directions
from gram.projection.store import find_layout, keep_layout

Progress = Callable[[float, str], None]
"""Called with the share done, from 0 to 1, and the stage; whatever it raises stops the work."""

PROGRESS_STAGES = ("finding neighbours", "starting UMAP", "arranging points", "checking neighbourhoods")

_BLOCK = 512
_TRUST_NEIGHBORS = 15
_TRUST_POINTS = 10_000
_TRUST_BLOCK = 64
# Where each stage begins, as a share of the whole; the last ends at 1.
_STARTS = dict(zip(PROGRESS_STAGES, (0.0, 0.05, 0.3, 0.9), strict=True))


def project(
    embedding_set: EmbeddingSet,
    method: str = "umap",
    *,
    dims: int = 2,
    modalities: tuple[str, ...] | list[str] = (),
    neighbors: int = 15,
    min_distance: float = 0.1,
    seed: int = 0,
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
    )
    layout = find_layout(embedding_set, settings)
    if layout is None:
        layout = compute_layout(embedding_set, settings, progress=progress)
        keep_layout(layout)
    return layout


def compute_layout(embedding_set: EmbeddingSet, settings: Settings, *, progress: Progress | None = None) -> Layout:
    """Return the layout for `settings`, computed anew and not kept; see `project`."""
    report = progress or (lambda share, stage: None)
    begun = time.perf_counter()
    names = settings.chosen(embedding_set)
    rows, present = _unit_rows(embedding_set, names)
    if len(rows) < 4:
        raise ValueError(f"embedding_set: expected at least 4 embeddings to project, got {len(rows)}")
    coordinates, explained = _principal_axes(rows, settings.dims)
    if settings.method == "umap":
        coordinates, explained = _umap(rows, coordinates, settings, report), ()
    stage = "checking neighbourhoods"
    trust, neighbors, checked = trustworthiness(
        rows,
        torch.from_numpy(coordinates),
        seed=settings.seed,
        progress=lambda share: report(_STARTS[stage] + share * (1 - _STARTS[stage]), stage),
    )
    return Layout(
        points=_by_modality(coordinates, names, present),
        settings=settings,
        key=settings.key(embedding_set),
        trustworthiness=trust,
        trust_neighbors=neighbors,
        trust_checked=checked,
        explained=explained,
        seconds=time.perf_counter() - begun,
    )


def trustworthiness(
    rows: Float[Tensor, "p d"],
    coordinates: Float[Tensor, "p dims"],
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> tuple[float, int, int]:
    """Return how far the picture's neighbours are true neighbours, with k and the number of points looked at.

    T = 1 - 2 / (m k (2 p - 3 k - 1)) sum_i sum_{j in U_i} (r(i, j) - k), where U_i are the k points nearest to i in
    the picture that are not among its k nearest by cosine, r(i, j) is j's rank by cosine among all others, and m is
    the number of points i: all p of them up to 10,000, else a seeded sample. Ranks are always among all p.

    Args:
        rows: p unit rows.
        coordinates: their places in the picture.
        seed: of the sample.
        progress: called with the share done.

    Returns:
        T in [0, 1], k = min(15, (p - 1) // 2), and m. Ties in cosine take the better rank, so p equal rows give 1.

    Source:
        Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods", equation 1.
    """
    p = len(rows)
    k = min(_TRUST_NEIGHBORS, (p - 1) // 2)
    looked_at = torch.arange(p)
    if p > _TRUST_POINTS:
        generator = torch.Generator().manual_seed(seed)
        looked_at = torch.randperm(p, generator=generator)[:_TRUST_POINTS]
    penalty = 0
    for start in range(0, len(looked_at), _TRUST_BLOCK):
        block = looked_at[start : start + _TRUST_BLOCK]
        own = (torch.arange(len(block)), block)
        distances = torch.cdist(coordinates[block], coordinates, compute_mode="donot_use_mm_for_euclid_dist")
        distances[own] = torch.inf
        drawn = distances.topk(k, largest=False).indices  # (b, k)
        cosines = rows[block] @ rows.T  # (b, p)
        cosines[own] = -torch.inf
        ranks = 1 + (cosines[:, None] > cosines.gather(1, drawn)[..., None]).sum(dim=2)  # (b, k)
        penalty += int((ranks - k).clamp(min=0).sum())
        if progress is not None:
            progress((start + len(block)) / len(looked_at))
    return 1 - 2 * penalty / (len(looked_at) * k * (2 * p - 3 * k - 1)), k, len(looked_at)


def nearest_by_cosine(
    rows: Float[Tensor, "p d"], neighbors: int, *, progress: Callable[[float], None] | None = None
) -> tuple[Int[np.ndarray, "p k"], Float[np.ndarray, "p k"]]:
    """Return each unit row's nearest rows and their cosine distances, itself first; exact, in blocks of memory."""
    indices, distances = [], []
    for start in range(0, len(rows), _BLOCK):
        cosines = rows[start : start + _BLOCK] @ rows.T
        own = torch.arange(len(cosines))
        cosines[own, own + start] = torch.inf
        best = cosines.topk(neighbors)
        indices.append(best.indices)
        distances.append((1 - best.values).clamp(min=0))
        if progress is not None:
            progress(min(1.0, (start + _BLOCK) / len(rows)))
    return torch.cat(indices).numpy(), torch.cat(distances).numpy()


def _unit_rows(
    embedding_set: EmbeddingSet, names: tuple[str, ...]
) -> tuple[Float[Tensor, "p d"], dict[str, Bool[np.ndarray, " n"]]]:
    """Return the embeddings that are there, one modality after another, and which those are."""
    units = directions(embedding_set)
    present = {name: embedding_set.present(name) for name in names}
    return torch.cat([units[name][present[name]] for name in names]), {
        name: mask.numpy() for name, mask in present.items()
    }


def _by_modality(
    coordinates: Float[np.ndarray, "p dims"],
    names: tuple[str, ...],
    present: dict[str, Bool[np.ndarray, " n"]],
) -> dict[str, Float[np.ndarray, "n dims"]]:
    ends = np.cumsum([present[name].sum() for name in names])
    points = {}
    for name, part in zip(names, np.split(coordinates, ends[:-1]), strict=True):
        points[name] = np.full((len(present[name]), coordinates.shape[1]), np.nan, dtype=np.float32)
        points[name][present[name]] = part
    return points


def _principal_axes(rows: Float[Tensor, "p d"], dims: int) -> tuple[Float[np.ndarray, "p dims"], tuple[float, ...]]:
    """Return coordinates along the axes of largest variance and each axis' share of all variance.

    An axis points where its largest loading is positive. Axes beyond d, or all axes of equal rows, are 0.
    """
    centred = rows.double() - rows.double().mean(dim=0)
    variances, axes = torch.linalg.eigh(centred.T @ centred)
    variances, axes = variances.flip(0)[:dims].clamp(min=0), axes.flip(1)[:, :dims]
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)))
    coordinates = torch.zeros(len(rows), dims)
    coordinates[:, : axes.shape[1]] = (centred @ axes).float()
    total = float(centred.square().sum())
    shares = [float(variance) / total if total > 0 else 0.0 for variance in variances]
    return coordinates.numpy(), tuple(shares + [0.0] * (dims - len(shares)))


class _EpochCounter:
    """The file that UMAP's progress bar writes to: each "done/total" becomes a share."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdecimal() and total.isdecimal():
            self._tell(int(done) / max(1, int(total)))

    def flush(self) -> None:
        """Nothing is held back."""


def _umap(
    rows: Float[Tensor, "p d"],
    start: Float[np.ndarray, "p dims"],
    settings: Settings,
    report: Progress,
) -> Float[np.ndarray, "p dims"]:
    """Return UMAP's coordinates, from exact neighbours and the principal axes as first guess."""

    def within(stage: str) -> Callable[[float], None]:
        begin = _STARTS[stage]
        end = min(other for other in (*_STARTS.values(), 1.0) if other > begin)
        return lambda share: report(begin + share * (end - begin), stage)

    neighbors = min(settings.neighbors, len(rows) - 1)
    nearest = nearest_by_cosine(rows, neighbors, progress=within("finding neighbours"))
    within("starting UMAP")(0.0)
    with warnings.catch_warnings():
        # UMAP warns that given neighbours rule out later transforms, of which there are none here; numba and
        # the optional imports of UMAP warn about themselves.
        warnings.simplefilter("ignore")
        import umap

        within("arranging points")(0.0)
        fitted = umap.UMAP(
            n_components=settings.dims,
            n_neighbors=neighbors,
            min_dist=settings.min_distance,
            metric="cosine",
            precomputed_knn=nearest,
            init=_first_guess(start, settings.seed),
            random_state=settings.seed,
            n_jobs=1,
            tqdm_kwds={
                "file": _EpochCounter(within("arranging points")),
                "disable": False,
                "bar_format": "{n}/{total}",
                "mininterval": 0.2,
            },
        ).fit_transform(rows.numpy())
    return np.asarray(fitted, dtype=np.float32)


def _first_guess(start: Float[np.ndarray, "p dims"], seed: int) -> Float[np.ndarray, "p dims"]:
    """Return the start scaled to a width of 10 with a little noise, so that no axis is flat and no two points equal."""
    width = float(np.abs(start).max())
    noise = np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)
    return (start * (10 / width if width > 0 else 0.0) + noise).astype(np.float32)
