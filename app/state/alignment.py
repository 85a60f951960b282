"""Heads in the making: what was started for which features, and what came of it, in this session."""

import io
import os
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from app.data import collections
from app.jobs.align import AlignJob
from app.state import selection
from gram.data.embedding_set import FeatureSet
from gram.data.importers import save
from gram.datasets.digit_views import digit_views
from gram.losses import MEASURES
from gram.training.align_config import AlignConfig

_JOBS, _MADE = "align_jobs", "align_made"


class Made(NamedTuple):
    """What a training made.

    Attributes:
        held_out_key: key of the collection of the held-out items, with a model a loss.
        all_key: key of that of all items.
        losses: in order.
        folder: holds a folder a loss.
        history: rows of all losses; column "model" says which.
        held_out: how many items were only ranked.
    """

    held_out_key: str
    all_key: str
    losses: tuple[str, ...]
    folder: Path
    history: pd.DataFrame
    held_out: int


def open_example() -> collections.Features:
    """Take five unequal views of handwritten digits over into this session.

    Raises:
        EmbeddingSetError: the disk refuses.
    """
    return keep_features(digit_views(), "Five views of digits")


def keep_features(features: FeatureSet, title: str) -> collections.Features:
    """Keep features in this session, to be aligned.

    Raises:
        EmbeddingSetError: the disk refuses.
    """
    key = collections.new_key()
    folder = collections.private_folder() / "features" / key
    save(features, folder)
    found = collections.Features(key, title, folder)
    collections.add_features(found)
    return found


def job_of(key: str) -> AlignJob | None:
    """Return the job that was started last for features; None if there was none, or its result was taken."""
    found: AlignJob | None = st.session_state.get(_JOBS, {}).get(key)
    return found


def start(features: collections.Features, settings: Sequence[AlignConfig]) -> None:
    """Start to train heads, unless some are in training for the same features."""
    running = job_of(features.key)
    if running is not None and running.running:
        return
    out = collections.private_folder() / "aligned" / secrets.token_hex(6)
    device = os.environ.get("GRAM_DEVICE", "auto")
    job = AlignJob(features.folder, settings, out, device=device)
    collections.ends_with_session(job)
    st.session_state[_JOBS] = {**st.session_state.get(_JOBS, {}), features.key: job}


def take(key: str) -> None:
    """Make what a job has learned a collection, once.

    Raises:
        GramError: the job failed.
    """
    job = job_of(key)
    if job is None:
        return
    st.session_state[_JOBS] = {each: other for each, other in st.session_state[_JOBS].items() if each != key}
    folders = job.result()
    if not folders:
        return
    features = collections.features()[key]
    held_out, whole = (
        _collection(features, folders, part, said) for part, said in (("test", "held-out items"), ("all", "all items"))
    )
    made = Made(held_out.key, whole.key, tuple(folders), job.out, job.history(), _count(folders))
    st.session_state[_MADE] = {**_all_made(), key: [*_all_made().get(key, []), made]}


def _collection(
    features: collections.Features, folders: Mapping[str, Path], part: str, said: str
) -> collections.Collection:
    """Return a part of the items by each model, as a collection that this session knows."""
    variants = []
    for loss, folder in folders.items():
        if (media := features.folder / "media").is_dir():
            shutil.copytree(media, folder / part / "media", dirs_exist_ok=True)
        variants.append(collections.Variant(loss, folder / part, folder / "model"))
    found = collections.Collection(collections.new_key(), f"{features.title}: {said}", tuple(variants), private=True)
    collections.add(found)
    return found


def _count(folders: Mapping[str, Path]) -> int:
    """Return how many items were held out: the same for all losses."""
    return len(FeatureSet.load(next(iter(folders.values())) / "test"))


def made_of(key: str) -> Made | None:
    """Return what was made last of features; None if nothing was."""
    found = _all_made().get(key, [])
    return found[-1] if found else None


def undo(key: str) -> None:
    """Give up what was made last of features; what was made before is there again."""
    if made_of(key) is None:  # a double click
        return
    *before, last = _all_made()[key]
    st.session_state[_MADE] = {**_all_made(), key: before}
    if selection.current().set in (last.held_out_key, last.all_key):
        known = {collection.key for collection in collections.collections()}
        there = [made.held_out_key for made in before if made.held_out_key in known]
        selection.open_collection(there[-1] if there else collections.BUILT_IN)
    for gone in (last.held_out_key, last.all_key):
        collections.remove(gone)
    shutil.rmtree(last.folder, ignore_errors=True)


def closing_takes(key: str) -> str:
    """Return what closing features takes with it, beside themselves, in words; "" where that is nothing."""
    job = job_of(key)
    if job is not None and job.running:
        return "the heads in training"
    known = {collection.key for collection in collections.collections()}
    sets = sum(each in known for made in _all_made().get(key, []) for each in (made.held_out_key, made.all_key))
    return f"the {sets} sets and the heads made of them" if _all_made().get(key) else ""


def close(key: str) -> None:
    """Give features up, with what is in training for them and all that was made of them; their files are removed."""
    job = job_of(key)
    if job is not None:
        job.stop()
        st.session_state[_JOBS] = {each: other for each, other in st.session_state[_JOBS].items() if each != key}
        shutil.rmtree(job.out, ignore_errors=True)
    while made_of(key) is not None:
        undo(key)
    collections.remove_features(key)


def zipped(made: Made, loss: str) -> bytes:
    """Return the heads of a loss as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted((made.folder / loss / "model").iterdir()):
            archive.write(file, file.name)
    return buffer.getvalue()


def load(features: collections.Features) -> FeatureSet:
    """Return features, mapped from disk.

    Raises:
        EmbeddingSetError: they are gone.
    """
    return FeatureSet.load(features.folder)


def facts(found: FeatureSet) -> str:
    """Return what features are made of, as a line of HTML."""
    missing = found.missing()
    parts = [
        f"<b>{escape(name)}</b> {size:,}" + (f" ({missing[name]:,} lack it)" if missing[name] else "")
        for name, size in found.sizes.items()
    ]
    return (
        f'<div class="panel">{len(found):,} items. Dimensions: {", ".join(parts)}. '
        f"The anchor is {escape(found.anchor)}.</div>"
    )


def table(made: Made) -> str:
    """Return R@1 of the held-out items, a row a loss, as HTML."""
    rows = []
    for loss in made.losses:
        last = made.history[made.history["model"] == loss].iloc[-1]
        shares = "".join(
            f'<td class="n">{100 * last[f"recall_{by}"]:.1f} %</td>' for by in (MEASURES[loss], "volume", "cosine")
        )
        steps = f'<td class="n">{int(last["step"]):,}</td>'
        title = f'<th scope="row">{escape(loss)} heads, for {MEASURES[loss]}</th>'
        rows.append(f"<tr>{title}{shares}{steps}</tr>")
    note = (
        " Volume finds what cosine does not: some modality lies on the opposite side of the anchor, which a volume "
        "does not see. Failures says which."
    ) * _opposite(made)
    return (
        '<div class="panel narrow"><table><thead><tr><th></th><th scope="col">R@1 by its own</th>'
        '<th scope="col">by volume</th><th scope="col">by mean cosine</th><th scope="col">steps</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
        f'<div class="quiet">Of {made.held_out:,} items that no head learned from, the anchor asking the rest: how '
        f"often the right item comes first.{note}</div></div>"
    )


def _opposite(made: Made) -> bool:
    """Return whether some heads rank well by volume, and worse than half as well by cosine."""
    last = made.history.groupby("model").last()
    return bool(((last["recall_volume"] > 0.5) & (last["recall_cosine"] < last["recall_volume"] / 2)).any())


def _all_made() -> dict[str, list[Made]]:
    found: dict[str, list[Made]] = st.session_state.get(_MADE, {})
    return found
