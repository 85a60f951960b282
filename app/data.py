"""Cached loading of what ships with the project; pages ask here and read no files.

Sets are loaded once for everybody, so treat them as read-only. A set that is rebuilt on disk is noticed.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

import gram
from gram.embedding_set import EmbeddingSet
from gram.errors import EmbeddingSetError
from gram.geometry import pairwise_volume

if TYPE_CHECKING:
    from gram.models import MultimodalModel

TWINS = ("gram", "cosine")


class Checkpoint(NamedTuple):
    """One stop of a training run: how many steps were done, and the embeddings then."""

    step: int
    set: EmbeddingSet


def assets() -> Path:
    """Return the folder of the built-in sets and models: $GRAM_ASSETS, else `assets/` of this project."""
    return Path(os.environ.get("GRAM_ASSETS") or Path(__file__).parents[1] / "assets")


def device() -> str:
    """Return what the models run on, in words: "cpu", or "cuda" with the name of the GPU."""
    if os.environ.get("GRAM_DEVICE", "auto") == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name()})"


def load_set(model: str) -> EmbeddingSet:
    """Return a twin's test set with unit rows in float32, so that inner products are cosines.

    Raises:
        EmbeddingSetError: the set is not there or not sound.
    """
    folder = assets() / "numbers" / model / "test"
    if not folder.is_dir():
        raise EmbeddingSetError(f"{folder}: the built-in set is not there; run `make assets` to build it")
    return _set(str(folder), _stamp(folder))


def fingerprint(model: str) -> tuple[str, int]:
    """Return what changes when a twin's test set does: the key under which other modules cache what follows from it."""
    folder = assets() / "numbers" / model / "test"
    return str(folder), _stamp(folder)


def load_model(model: str) -> "MultimodalModel":
    """Return a twin's model, on the device that GRAM_DEVICE names.

    Raises:
        ModelError: the model is not there or damaged, or the device is not at hand.
    """
    folder = assets() / "numbers" / model / "model"
    return _model(str(folder), os.environ.get("GRAM_DEVICE", "auto"), _stamp(folder))


def load_trajectory(model: str) -> tuple[Checkpoint, ...]:
    """Return a twin's training, checkpoint by checkpoint, earliest first; empty where it has none.

    Raises:
        EmbeddingSetError: a checkpoint's set is not sound.
    """
    folder = assets() / "numbers" / model / "trajectory"
    stops = sorted(folder.glob("step-*"))
    return _trajectory(tuple(map(str, stops)), tuple(map(_stamp, stops)))


def volumes_against(model: str, candidates: tuple[str, ...], item: str) -> Float[np.ndarray, " n"]:
    """Return the volume of an item's anchor with every candidate of the set, in the order of its items."""
    folder = assets() / "numbers" / model / "test"
    return _volumes(str(folder), _stamp(folder), candidates, item)


def hardest_mismatch(
    model: str, candidates: tuple[str, ...], item: str, *, among: Collection[str] | None = None
) -> str:
    """Return the id of the candidate, other than the item's own, that has the lowest volume with its anchor.

    Args:
        model: whose set.
        candidates: the modalities that make up a candidate.
        item: id of the item.
        among: ids to choose from; default: all. One at least must be another item's.
    """
    ids = load_set(model).items["id"].astype(str)
    allowed = (ids != item).to_numpy() if among is None else (ids.isin(among) & (ids != item)).to_numpy()
    volumes = np.where(allowed, volumes_against(model, candidates, item), np.inf)
    return str(ids.iloc[int(np.argmin(np.nan_to_num(volumes, nan=np.inf)))])


def _stamp(folder: Path) -> int:
    """Return when a set or model was last written: the newest of its files."""
    return max((file.stat().st_mtime_ns for file in folder.glob("*.*")), default=0)


@st.cache_resource(max_entries=8, show_spinner="Loading the embeddings")
def _set(folder: str, stamp: int) -> EmbeddingSet:
    return EmbeddingSet.load(folder).normalized()


@st.cache_resource(max_entries=4, show_spinner="Loading the training run")
def _trajectory(folders: tuple[str, ...], stamps: tuple[int, ...]) -> tuple[Checkpoint, ...]:
    sets = [EmbeddingSet.load(folder).normalized() for folder in folders]
    stops = [Checkpoint(int(each.info["step"]), each) for each in sets]
    return tuple(sorted(stops, key=lambda stop: stop.step))


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _model(folder: str, device: str, stamp: int) -> "MultimodalModel":
    return gram.models.load_model(folder, device=device)


@st.cache_data(max_entries=256, show_spinner=False)
def _volumes(folder: str, stamp: int, candidates: tuple[str, ...], item: str) -> Float[np.ndarray, " n"]:
    embedding_set = _set(folder, stamp)
    anchor = embedding_set.modalities[embedding_set.anchor][[embedding_set.row(item)]]
    others = [embedding_set.modalities[name] for name in candidates]
    return pairwise_volume(anchor, *others)[0].numpy()
