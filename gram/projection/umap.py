"""UMAP from exact neighbours: fitted on all points, or on a sample among which the others are placed."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gram.projection.layout import Settings
from gram.projection.rows import AnyRows
from gram.projection.stages import Stages
from gram.projection.trust import SAME, nearest_by_cosine

if TYPE_CHECKING:
    from umap import UMAP

_PLACED_AT_ONCE = 2048


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
    stages: Stages,
) -> Float[Tensor, "p dims"]:
    """Return UMAP's coordinates of unit rows.

    It begins at `start`, scaled. Where a point is not `fitted`, UMAP's `transform` places it: first at the mean of
    its nearest fitted points (found exactly), weighted by how far it belongs to them, then moved as in fitting,
    while the fitted points stay. That goes block by block, so what is placed does not fit_umap itself among itself.

    Source:
        McInnes, Healy & Melville 2018, arXiv 1802.03426; `transform` as in umap-learn.
    """
    if fitted.all():
        return torch.from_numpy(_fit(rows[:], start, settings, stages).embedding_)
    model = _fit(rows[fitted], start[fitted], settings, stages)
    places = torch.empty(len(rows), settings.dims)
    places[fitted] = torch.from_numpy(model.embedding_)
    others = torch.nonzero(~fitted).flatten().split(_PLACED_AT_ONCE)
    tell = stages.within("placing the others")
    model.tqdm_kwds = {"disable": True}
    for done, block in enumerate(others):
        tell(done / len(others))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            places[block] = torch.from_numpy(model.transform(rows[block].numpy()))
    return places


class _ExactSearch:
    """The fitted rows, which UMAP asks for neighbours as it asks an index of pynndescent."""

    _angular_trees = True

    def __init__(self, rows: Float[Tensor, "m d"]) -> None:
        self._rows = rows

    def query(
        self, queries: Float[np.ndarray, "q d"], k: int, epsilon: float
    ) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
        """Return the k nearest rows; `epsilon`, how far a search may err, is not needed."""
        indices, distances = nearest_by_cosine(torch.from_numpy(queries), k, among=self._rows)
        return indices, np.where(distances < SAME, np.float32(0), distances)


class _EpochCounter:
    """The file that UMAP's progress bar writes to: each "done/total" becomes a share.

    The first epoch waits for its code to be compiled, so it begins the count.
    """

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdecimal() and total.isdecimal() and int(done):
            self._tell(int(done) / int(total))

    def flush(self) -> None:
        """Nothing is held back."""


def _fit(rows: Float[Tensor, "m d"], start: Float[Tensor, "m dims"], settings: Settings, stages: Stages) -> "UMAP":
    """Return a fitted model, which can place other rows."""
    neighbors = min(settings.neighbors, len(rows) - 1)
    nearest = nearest_by_cosine(rows, neighbors, progress=stages.within("finding neighbours"))
    stages.within("starting UMAP")(0.0)
    with warnings.catch_warnings():
        # UMAP does not know the search and doubts that it can be asked; numba and the optional imports of UMAP
        # warn about themselves.
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
                "file": _EpochCounter(stages.within("arranging points")),
                "disable": False,
                "bar_format": "{n}/{total}",
                "mininterval": 0,  # every epoch is told, however quick; there are some hundreds
                "miniters": 1,
            },
        ).fit(rows.numpy())


def _first_guess(start: Float[np.ndarray, "p dims"], seed: int) -> Float[np.ndarray, "p dims"]:
    """Return the start scaled to a width of 10 with a little noise, so that no axis is flat and no two points equal."""
    width = float(np.abs(start).max())
    noise = np.random.default_rng(seed).normal(scale=1e-3, size=start.shape)
    return (start * (10 / width if width > 0 else 0.0) + noise).astype(np.float32)
