"""Cached loading of sets and models; pages ask here and read no files.

Sets are loaded once for everybody, so treat them as read-only. A set that is rebuilt on disk is noticed.
"""

import os
from collections.abc import Callable, Collection
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
import torch
from jaxtyping import Float

from app.data import collections
from gram.data.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError, ModelError
from gram.retrieval.scoring import score_all

if TYPE_CHECKING:
    from gram.models import MultimodalModel
    from gram.models.heads import Heads


LARGEST = 2**28  # numbers that pages take into memory, 1 GiB as float32; of a larger set they show a sample
SAMPLED = 20_000  # items of it

P = ParamSpec("P")
R = TypeVar("R")


class Loaded(NamedTuple):
    """A set as pages show it, and whole: the same one twice, but for a set too large to be taken into memory."""

    shown: EmbeddingSet
    whole: EmbeddingSet


class Checkpoint(NamedTuple):
    """One stop of a training run: how many steps were done, and the embeddings then."""

    step: int
    set: EmbeddingSet


def models() -> tuple[str, ...]:
    """Return the names of the models whose embeddings of the same items are open in this session."""
    return collections.current().names


def has_model(model: str) -> bool:
    """Return whether there is a model to embed live queries with, beside its embeddings."""
    return collections.variant(model).model is not None


def cached(*, max_entries: int, show_spinner: str | bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps results: for everybody, or for this session alone where the open data are its own.

    Arguments whose names begin with "_" are no part of the key. Results are shared, so treat them as read-only.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        for_all = st.cache_resource(max_entries=max_entries, show_spinner=show_spinner)(function)
        for_one = st.cache_resource(max_entries=max_entries, show_spinner=show_spinner, scope="session")(function)

        @wraps(function)
        def look_up(*args: P.args, **kwargs: P.kwargs) -> R:
            return (for_one if collections.current().private else for_all)(*args, **kwargs)

        return look_up

    return decorate


def device() -> str:
    """Return what the models run on, in words: "cpu", or "cuda" with the name of the GPU."""
    if os.environ.get("GRAM_DEVICE", "auto") == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name()})"


def load_set(model: str) -> EmbeddingSet:
    """Return a model's set with unit rows in float32, so that inner products are cosines, and ids as text.

    Of a set with more than `LARGEST` numbers this is a sample of `SAMPLED` items, drawn by seed 0; its
    `info["sampled_from"]` says of how many.

    Raises:
        EmbeddingSetError: the set is not there or not sound.
    """
    return _set(*fingerprint(model)).shown


def load_whole(model: str) -> EmbeddingSet:
    """Return a model's set with all its items: `load_set`'s, or, where that is a sample, the set as it lies on disk.

    Then its rows have any length, are mapped into memory and looked at when they are used, and its ids may be numbers:
    look items up by `find`, and take vectors from `holding` or through a searcher.

    Raises:
        EmbeddingSetError: the set is not there or not sound.
    """
    return _set(*fingerprint(model)).whole


def load_gallery(model: str) -> EmbeddingSet:
    """Return `load_whole`'s set with the labels that cards show; these are made when items are first listed."""
    if is_sample(model):
        return _named(*fingerprint(model))
    return load_set(model)


def is_sample(model: str) -> bool:
    """Return whether `load_set` gives a sample of a model's set."""
    return "sampled_from" in load_set(model).info


def sample_size(model: str) -> str:
    """Return how much of a model's set pages show, "a sample of 20,000 of 1,000,000 items"; empty if all."""
    shown = load_set(model)
    whole = shown.info.get("sampled_from")
    return f"a sample of {len(shown):,} of {whole:,} items" if whole else ""


def holding(model: str, *items: str) -> EmbeddingSet:
    """Return a set with unit rows that has these items: `load_set`'s, or these alone where it is a sample without one.

    Raises:
        EmbeddingSetError: no item of the whole set has one of these ids.
    """
    shown = load_set(model)
    if all(shown.find(item) is not None for item in items):
        return shown
    return _few(*fingerprint(model), tuple(dict.fromkeys(items)))


def fingerprint(model: str) -> tuple[str, int]:
    """Return what changes when a model's set does: the key under which other modules cache what follows from it.

    Raises:
        EmbeddingSetError: the set is not there.
    """
    folder = collections.variant(model).folder
    if not folder.is_dir():
        built_in = collections.current().key == collections.BUILT_IN
        remedy = "run `make assets` to build it" if built_in else "it was moved or removed: open it again"
        raise EmbeddingSetError(f"{folder}: the set is not there; {remedy}")
    return str(folder), _stamp(folder)


def load_model(model: str) -> "MultimodalModel":
    """Return the model of spoken numbers that made a set, on the device that GRAM_DEVICE names.

    Raises:
        ModelError: the model is not there, damaged or of another kind, or the device is not at hand.
    """
    return _model(*_model_of(model))


def load_encoder(model: str) -> "MultimodalModel | Heads":
    """Return what embeds queries as a set's items were: a model of spoken numbers, or alignment heads.

    Raises:
        ModelError: it is not there or damaged, or the device is not at hand.
    """
    return _encoder(*_model_of(model))


def _model_of(model: str) -> tuple[str, str, int]:
    folder = collections.variant(model).model
    if folder is None:
        raise ModelError(f"there is no model beside the embeddings “{model}”, so only their own items can ask")
    return str(folder), os.environ.get("GRAM_DEVICE", "auto"), _stamp(folder)


def load_trajectory(model: str) -> tuple[Checkpoint, ...]:
    """Return a model's training, checkpoint by checkpoint, earliest first; empty where it has none.

    Raises:
        EmbeddingSetError: a checkpoint's set is not sound.
    """
    folder = collections.variant(model).trajectory
    stops = sorted(folder.glob("step-*")) if folder else []
    return _trajectory(tuple(map(str, stops)), tuple(map(_stamp, stops)))


def volumes_against(model: str, candidates: tuple[str, ...], item: str) -> Float[np.ndarray, " n"]:
    """Return the volume of an item's anchor with every candidate of `load_set`, in the order of its items."""
    return _volumes(*fingerprint(model), candidates, item)


def hardest_mismatch(
    model: str, candidates: tuple[str, ...], item: str, *, among: Collection[str] | None = None
) -> str:
    """Return the id of the candidate, other than the item's own, that has the lowest volume with its anchor.

    Candidates that lack modalities are compared by V^(1/k), which ranks as the volume does where none does. Where
    nothing compares, as with an item without the anchor, it is the first with most modalities.
    It is sought among the items of `load_set`, whichever item of the whole set is asked for.

    Args:
        model: whose set.
        candidates: the modalities that make up a candidate.
        item: id of the item.
        among: ids to choose from; default: all. One at least must be another item's.
    """
    embedding_set = load_set(model)
    ids = embedding_set.items["id"].astype(str)
    allowed = (ids != item).to_numpy() if among is None else (ids.isin(among) & (ids != item)).to_numpy()
    there = np.sum([embedding_set.present(name).numpy() for name in candidates], axis=0)
    sides = volumes_against(model, candidates, item) ** (1 / (1 + there))
    sides = np.nan_to_num(sides, nan=2.0)  # of unit rows, 1 is the most
    sides[there == 0] = 2.0  # the anchor alone is no pair
    return str(ids.iloc[int(np.lexsort((-there, np.where(allowed, sides, np.inf)))[0])])


def _stamp(folder: Path) -> int:
    """Return when a set or model was last written: the newest of its files."""
    return max((file.stat().st_mtime_ns for file in folder.glob("*.*")), default=0)


@cached(max_entries=8, show_spinner="Loading the embeddings")
def _set(folder: str, stamp: int) -> Loaded:
    whole = EmbeddingSet.load(folder, lazily=True)
    n = len(whole)
    if n * whole.d * len(whole.names) <= LARGEST:
        shown = whole.normalized()
        _name_items(shown.items)
        return Loaded(shown, shown)
    shown = whole.subset(np.sort(np.random.default_rng(0).choice(n, SAMPLED, replace=False))).normalized()
    shown.info["sampled_from"] = n
    _name_items(shown.items)
    return Loaded(shown, whole)


@cached(max_entries=4, show_spinner="Naming the items")
def _named(folder: str, stamp: int) -> EmbeddingSet:
    whole = _set(folder, stamp).whole
    items = whole.items.copy()
    _label_items(items)
    return whole.with_items(items)


@cached(max_entries=64)
def _few(folder: str, stamp: int, items: tuple[str, ...]) -> EmbeddingSet:
    whole = _set(folder, stamp).whole
    few = whole.subset([whole.row(item) for item in items]).normalized()
    _name_items(few.items)
    return few


def _name_items(items: pd.DataFrame) -> None:
    """Make ids text, as widgets and addresses know them, and labels as `_label_items` does."""
    items["id"] = items["id"].astype(str)
    _label_items(items)


def _label_items(items: pd.DataFrame) -> None:
    """Make labels that tell items apart, such as "cat · 17"."""
    if "label" in items and not items["label"].is_unique:
        category = items["label"].astype("str").fillna("none")
        if "category" not in items:
            items["category"] = category
        items["label"] = category + " · " + items["id"].astype(str)


@cached(max_entries=4, show_spinner="Loading the training run")
def _trajectory(folders: tuple[str, ...], stamps: tuple[int, ...]) -> tuple[Checkpoint, ...]:
    sets = [EmbeddingSet.load(folder).normalized() for folder in folders]
    stops = [Checkpoint(int(each.info["step"]), each) for each in sets]
    return tuple(sorted(stops, key=lambda stop: stop.step))


@cached(max_entries=4, show_spinner="Loading the model")
def _model(folder: str, device: str, stamp: int) -> "MultimodalModel":
    from gram.models import load_model

    return load_model(folder, device=device)


@cached(max_entries=4, show_spinner="Loading the model")
def _encoder(folder: str, device: str, stamp: int) -> "MultimodalModel | Heads":
    from gram.models.checkpoint import open_model

    return open_model(folder, device=device)


@cached(max_entries=256)
def _volumes(folder: str, stamp: int, candidates: tuple[str, ...], item: str) -> Float[np.ndarray, " n"]:
    shown, whole = _set(folder, stamp)
    of = shown if shown.find(item) is not None else whole.subset([whole.row(item)]).normalized()
    anchor = of.modalities[of.anchor][of.row(item)][None]
    return -score_all("volume", anchor, [shown.modalities[name] for name in candidates])
