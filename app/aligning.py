"""Heads in the making: what was started for which features, and what came of it, in this session."""

import io
import os
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from app import opened, session
from gram.alignment import AlignJob, AlignmentSettings, digit_views
from gram.errors import EmbeddingSetError
from gram.feature_set import FeatureSet

_JOBS, _MADE = "align_jobs", "align_made"


class Made(NamedTuple):
    """What a training made.

    Attributes:
        collection: key of the collection with a model a loss.
        losses: in order.
        folder: holds a folder a loss.
        history: rows of all losses; column "model" says which.
        held_out: how many items were only ranked.
    """

    collection: str
    losses: tuple[str, ...]
    folder: Path
    history: pd.DataFrame
    held_out: int


def open_example() -> opened.Features:
    """Take five unequal views of handwritten digits over into this session.

    Raises:
        EmbeddingSetError: the disk refuses.
    """
    return keep_features(digit_views(), "Five views of digits")


def keep_features(features: FeatureSet, title: str) -> opened.Features:
    """Keep features in this session, to be aligned.

    Raises:
        EmbeddingSetError: the disk refuses.
    """
    key = opened.new_key()
    folder = opened.private_folder() / "features" / key
    save_with_media(features, folder)
    found = opened.Features(key, title, folder)
    opened.add_features(found)
    return found


def save_with_media(features: FeatureSet, folder: Path, *, aligned: bool = False) -> None:
    """Save features, or the embedding set that they are, in a folder of their own, with the media files they name.

    Raises:
        EmbeddingSetError: the disk refuses, or features of unlike size are to be an embedding set.
    """
    media = [
        (file, folder / str(features.items[column].iloc[row]))
        for column in features.media_columns
        for row in range(len(features))
        if features.path is not None and (file := features.media_file(row, column)) is not None and file.is_file()
    ]
    (features.embedding_set() if aligned else features).save(folder)
    try:
        for file, target in media:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise EmbeddingSetError(f"media files cannot be copied ({error.strerror}); free space") from error


def job_of(key: str) -> AlignJob | None:
    """Return the job that was started last for features; None if there was none, or its result was taken."""
    found: AlignJob | None = st.session_state.get(_JOBS, {}).get(key)
    return found


def start(features: opened.Features, settings: Sequence[AlignmentSettings]) -> None:
    """Start to train heads; what runs for the same features ends first."""
    running = job_of(features.key)
    if running is not None and running.running:
        return
    out = opened.private_folder() / "aligned" / secrets.token_hex(6)
    device = os.environ.get("GRAM_DEVICE", "auto")
    job = AlignJob(features.folder, settings, out, device=device)
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
    features = opened.features()[key]
    variants = []
    for loss, folder in folders.items():
        if (media := features.folder / "media").is_dir():
            shutil.copytree(media, folder / "test" / "media", dirs_exist_ok=True)
        variants.append(opened.Variant(loss, folder / "test", folder / "model"))
    found = opened.Collection(opened.new_key(), f"{features.title}, aligned", tuple(variants), private=True)
    opened.add(found)
    held_out = int((FeatureSet.load(variants[0].folder).items["aligned"] == "held-out").sum())
    made = Made(found.key, tuple(folders), job.out, job.history(), held_out)
    st.session_state[_MADE] = {**_all_made(), key: [*_all_made().get(key, []), made]}


def made_of(key: str) -> Made | None:
    """Return what was made last of features; None if nothing was."""
    found = _all_made().get(key, [])
    return found[-1] if found else None


def undo(key: str) -> None:
    """Give up what was made last of features; what was made before is there again."""
    *before, last = _all_made()[key]
    st.session_state[_MADE] = {**_all_made(), key: before}
    if session.current().set == last.collection:
        session.open_collection(before[-1].collection if before else opened.BUILT_IN)
    opened.remove(last.collection)
    shutil.rmtree(last.folder, ignore_errors=True)


def zipped(made: Made, loss: str) -> bytes:
    """Return the heads of a loss as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted((made.folder / loss / "model").iterdir()):
            archive.write(file, file.name)
    return buffer.getvalue()


def facts(features: opened.Features) -> str:
    """Return what features are made of, as a line of HTML.

    Raises:
        EmbeddingSetError: they are gone.
    """
    found = FeatureSet.load(features.folder)
    missing = found.missing()
    parts = [
        f"<b>{escape(name)}</b> {size:,}" + (f" ({missing[name]:,} lack it)" if missing[name] else "")
        for name, size in found.sizes.items()
    ]
    return (
        f'<div class="panel">{len(found):,} items. Numbers a row: {", ".join(parts)}. '
        f"The anchor is {escape(found.anchor)}.</div>"
    )


def table(made: Made) -> str:
    """Return R@1 of the held-out items, a row a loss, as HTML."""
    rows = []
    for loss in made.losses:
        last = made.history[made.history["model"] == loss].iloc[-1]
        shares = "".join(f'<td class="n">{100 * last[f"recall_{by}"]:.1f} %</td>' for by in ("volume", "cosine"))
        steps = f'<td class="n">{int(last["step"]):,}</td>'
        rows.append(f'<tr><th scope="row">{escape(loss)} heads</th>{shares}{steps}</tr>')
    note = (
        " Volume finds what cosine does not: some modality lies on the opposite side of the anchor, which a volume "
        "does not see. Failures says which."
    ) * _opposite(made)
    return (
        '<div class="panel"><table><thead><tr><th></th><th scope="col">R@1 by volume</th>'
        '<th scope="col">R@1 by mean cosine</th><th scope="col">steps</th></tr></thead>'
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
