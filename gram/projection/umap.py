"""UMAP from exact neighbours: fitted on all points, or on a sample among which the others are placed."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.core.progress import Progress, no_progress
from gram.projection.layout import Settings
from gram.projection.rows import AnyRows
from gram.projection.trust import TIE

if TYPE_CHECKING:
    from umap import UMAP

_PLACED_AT_ONCE = 2048
_COSINES_AT_ONCE = 1 << 22  # 16 MB: the system takes larger blocks back each time, and hands them out as empty pages
_CHUNK = 64  # columns whose maximum is compared first


def points_to_fit(present: dict[str, Bool[np.ndarray, " n"]], settings: Settings) -> Bool[Tensor, " p"]:
    """Return which points UMAP is fitted on, in the order of the points: all, or a sample of at most `settings.fitted`.

    It is a sample of items, drawn by the seed: an item's modalities are fitted together or not at all.
    """
    held = np.stack(list(present.values()))  # (k, n)
    per_item = held.sum(axis=0)
    fitted = np.ones(held.shape[1], dtype=bool)
    if per_item.sum() > settings.fitted:
        order = np.random.default_rng(settings.seed).permutation(held.shape[1])
        fits = np.cumsum(per_item[order]) <= settings.fitted
        fitted[order[~fits]] = False
    return torch.from_numpy(np.concatenate([fitted[each] for each in held]))


def fit_umap(
    rows: AnyRows,
    start: Float[Tensor, "p dims"],
    fitted: Bool[Tensor, " p"],
    settings: Settings,
    stages: Mapping[str, Progress],
) -> Float[Tensor, "p dims"]:
    """Return UMAP's coordinates of unit rows.

    UMAP is fitted on the `fitted` rows, from `start`, scaled, and its `transform` places the others: first at the mean
    of their nearest fitted points (found exactly), weighted by membership, then moved as in fitting while the fitted
    points stay. That goes block by block, so placed points do not arrange each other. `stages` has the progress
    callback of each of `PROGRESS_STAGES`.

    Source:
        McInnes, Healy & Melville 2018, arXiv 1802.03426; `transform` as in umap-learn.
    """
    if fitted.all():
        return torch.from_numpy(_fit(rows[:], start, settings, stages).embedding_)
    model = _fit(rows[fitted], start[fitted], settings, stages)
    model.tqdm_kwds = {"disable": True}
    coordinates = torch.empty(len(rows), settings.dims)
    coordinates[fitted] = torch.from_numpy(model.embedding_)
    others = torch.nonzero(~fitted).flatten().split(_PLACED_AT_ONCE)
    for done, block in enumerate(others):
        stages["placing the others"](done / len(others))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            coordinates[block] = torch.from_numpy(model.transform(rows[block].numpy()))
    return coordinates


def nearest_by_cosine(
    rows: Float[Tensor, "p d"],
    neighbors: int,
    *,
    among: Float[Tensor, "m d"] | None = None,
    progress: Progress = no_progress,
) -> tuple[Int[np.ndarray, "p k"], Float[np.ndarray, "p k"]]:
    """Return each unit row's nearest rows and their cosine distances, nearest first; exact, in blocks of memory.

    They are found in the unit rows `among`; by default in `rows`, where each row comes first among its own.
    """
    gallery = rows if among is None else among
    size = max(1, _COSINES_AT_ONCE // len(gallery))
    indices, distances = [], []
    for start in range(0, len(rows), size):
        cosines = rows[start : start + size] @ gallery.T
        if among is None:
            own = torch.arange(len(cosines))
            cosines[own, own + start] = torch.inf
        largest, columns = _topk(cosines, neighbors)
        indices.append(columns)
        distances.append((1 - largest).clamp(min=0))
        progress(min(1.0, (start + size) / len(rows)))
    return torch.cat(indices).numpy(), torch.cat(distances).numpy()


def _topk(values: Float[Tensor, "b m"], k: int) -> tuple[Float[Tensor, "b k"], Int[Tensor, "b k"]]:
    """Return `values.topk(k)` in less time: the k largest are in the k chunks whose maxima are largest."""
    whole = values.shape[1] // _CHUNK * _CHUNK
    if whole < 4 * k * _CHUNK:
        best = values.topk(k)
        return best.values, best.indices
    chunks = values[:, :whole].unflatten(1, (-1, _CHUNK)).amax(dim=2).topk(k, sorted=False).indices
    columns = (chunks.unsqueeze(2) * _CHUNK + torch.arange(_CHUNK)).flatten(1)
    columns = torch.cat([columns, torch.arange(whole, values.shape[1]).expand(len(values), -1)], dim=1)
    best = values.gather(1, columns).topk(k)
    return best.values, columns.gather(1, best.indices)


class _ExactSearch:
    """The fitted rows, with the interface of a pynndescent index, which UMAP queries for neighbours."""

    _angular_trees = True

    def __init__(self, rows: Float[Tensor, "m d"]) -> None:
        self._rows = rows

    def query(
        self, queries: Float[np.ndarray, "q d"], k: int, epsilon: float
    ) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
        """Return the k nearest rows; `epsilon`, the tolerance of an approximate search, is ignored."""
        indices, distances = nearest_by_cosine(torch.from_numpy(queries), k, among=self._rows)
        return indices, np.where(distances < TIE, np.float32(0), distances)


class _EpochCounter:
    """The file that UMAP's progress bar writes to: each "done/total" becomes a share of progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdecimal() and total.isdecimal() and int(done):
            self._progress(int(done) / int(total))

    def flush(self) -> None:
        """Do nothing: no text is buffered."""


def _fit(
    rows: Float[Tensor, "m d"], start: Float[Tensor, "m dims"], settings: Settings, stages: Mapping[str, Progress]
) -> "UMAP":
    """Return a fitted model, whose `transform` places other rows."""
    neighbors = min(settings.neighbors, len(rows) - 1)
    nearest = nearest_by_cosine(rows, neighbors, progress=stages["finding neighbours"])
    stages["starting UMAP"](0.0)
    with warnings.catch_warnings():
        # UMAP warns that the search is not pynndescent's; numba and optional imports warn too.
        warnings.simplefilter("ignore")
        import umap

        return umap.UMAP(
            n_components=settings.dims,
            n_neighbors=neighbors,
            min_dist=settings.min_distance,
            metric="cosine",
            precomputed_knn=(*nearest, _ExactSearch(rows)),
            init=_first_guess(start.numpy(), settings.seed),
            random_state=settings.seed,
            transform_seed=settings.seed,
            n_jobs=1,
            tqdm_kwds={
                "file": _EpochCounter(stages["arranging points"]),
                "disable": False,
                "bar_format": "{n}/{total}",
                "mininterval": 0,  # report every epoch; there are some hundreds
                "miniters": 1,
            },
        ).fit(rows.numpy())


def _first_guess(start: Float[np.ndarray, "p dims"], seed: int) -> Float[np.ndarray, "p dims"]:
    """Return the start scaled to at most 10, with noise so that no axis is flat and no two points are equal."""
    width = float(np.abs(start).max())
    noise = np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)
    return (start * (10 / width if width > 0 else 0.0) + noise).astype(np.float32)
