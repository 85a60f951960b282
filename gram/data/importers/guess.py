"""Roles of a file's columns, guessed from names, types and first values."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from gram.core.paths import file_inside
from gram.data.importers.base import FLOATS, INTEGERS, Source, Table

_IDS = ("id", "ids", "item_id", "sample_id", "video_id", "image_id", "clip_id", "uid", "uuid", "key", "filename")
_LABELS = ("label", "labels", "caption", "captions", "title", "class", "category", "y", "gt", "target", "name")
_SPLITS = ("split", "splits", "subset", "fold", "partition")
_NO_VECTORS = frozenset(
    (
        *("label", "labels", "y", "gt", "target", "targets", "class", "onehot", "one_hot"),
        *("input_ids", "attention_mask", "token_type_ids", "bbox", "boxes"),
    )
)
_VECTOR = r"feats?|features?|embs?|embeds?|embeddings?|vecs?|vectors?|repr"
_NOISE = re.compile(rf"{_VECTOR}|x|\d+")
_KNOWN = {
    "text": "text txt caption captions sentence sentences query queries",
    "image": "image images img imgs picture pictures photo photos",
    "video": "video videos vid clip visual",
    "audio": "audio sound sounds",
    "speech": "speech spoken voice",
    "subtitle": "subtitle subtitles subs subtitling",
    "depth": "depth",
    "tones": "tones",
}
_WORDS = {word: name for name, words in _KNOWN.items() for word in words.split()}
_LETTERS = {"t": "text", "v": "video", "a": "audio", "s": "subtitle", "d": "depth", "i": "image"}
_FILES = {
    "png jpg jpeg webp gif bmp tif tiff": "image",
    "wav flac ogg mp3 m4a": "audio",
    "mp4 webm mkv mov avi": "video",
}
_KIND = {suffix: kind for suffixes, kind in _FILES.items() for suffix in suffixes.split()}
_NEAR = 2  # a matrix with between half and twice the rows of the others is meant to fit them, and does not


@dataclass(frozen=True)
class ColumnRoles:
    """Which column is what. Correct the guess with `dataclasses.replace`.

    Attributes:
        modalities: name of a modality -> column with its vectors, in order. A column of one number an item is one
            of vectors with d = 1.
        anchor: name of the anchor modality; None for the first.
        id: column with a unique value an item; None to number the items.
        label: column with what an item is called.
        split: column with the part (train, test, ...) an item belongs to.
        media: column with paths of files, below the folder that was chosen -> modality or name they show.
        masks: modality -> column that says which items have it: true or 1 where it is there. Where the column's
            name says "missing", true or 1 means that it is not.
    """

    modalities: Mapping[str, str]
    anchor: str | None = None
    id: str | None = None
    label: str | None = None
    split: str | None = None
    media: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)


def count_rows(table: Table) -> int:
    """Return n: the number of rows that most matrices have, else the first one's."""
    counts = Counter(source.shape[0] for source in table.columns.values() if source.is_matrix)
    return counts.most_common(1)[0][0]


def guess(table: Table, n: int, folder: Path | None) -> ColumnRoles:
    """Return the likely roles of the columns of n items, whose media may lie below `folder`; doubts become notes."""
    modalities = _modalities(table, n)
    values = {name: source for name, source in table.columns.items() if not source.is_matrix and source.shape[0] == n}
    masks = _masks(modalities, values)
    free = {name: source for name, source in values.items() if name not in masks.values()}
    id_column = _named(free, _IDS)
    if id_column is not None and not _is_unique(table, free[id_column]):
        table.notes.append(f"'{id_column}' is not unique or has gaps, so it is not taken as the ids.")
        id_column = None
    media = _media(table, free, modalities, folder)
    free = {name: source for name, source in free.items() if name not in modalities.values()}
    _note_numbers(table, free)
    rest = {name: source for name, source in free.items() if name != id_column and name not in media}
    return ColumnRoles(
        modalities=modalities,
        anchor=_anchor(table, list(modalities)),
        id=id_column,
        label=_named(rest, _LABELS),
        split=_named(rest, _SPLITS),
        media=media,
        masks=masks,
    )


def _note_numbers(table: Table, values: Mapping[str, Source]) -> None:
    """Note columns of one number an item that have the name of a modality but may be mere values."""
    for name, source in values.items():
        words = [token for token in _tokens(name) if not _NOISE.fullmatch(token)]
        if source.dtype in FLOATS and len(words) == 1 and words[0] in _WORDS:
            table.notes.append(
                f"'{name}' holds one number an item, and is kept with the items; use it as a modality if it is one."
            )


def _modalities(table: Table, n: int) -> dict[str, str]:
    listed = table.info.get("modalities")
    own = table.info.get("columns", {})
    if isinstance(listed, list) and isinstance(own, dict):
        columns = {str(name): str(own.get(str(name), name)) for name in listed}
        if columns and all(column in table.columns and table.columns[column].is_vector for column in columns.values()):
            return columns
    matrices = {
        name: source for name, source in table.columns.items() if source.is_matrix or _says_vector(name, source)
    }
    named = {name: source for name, source in matrices.items() if "_".join(_tokens(name)) not in _NO_VECTORS}
    floats = {name: source for name, source in named.items() if source.dtype in FLOATS}
    integers = {name: source for name, source in named.items() if source.dtype in INTEGERS}
    chosen = list(floats or integers)
    far = [name for name in chosen if not n / _NEAR < matrices[name].shape[0] < n * _NEAR]
    for name in far:
        table.leave_out(name, f"it has {matrices[name].shape[0]:,} rows, and the others have {n:,}")
    chosen = [name for name in chosen if name not in far]
    return dict(zip(modality_names(chosen), chosen))


def _says_vector(name: str, source: Source) -> bool:
    """Return whether a column of one number an item is meant as a vector by its name, as "depth_embedding" is."""
    words = [token for token in _tokens(name) if not _NOISE.fullmatch(token)]
    called = any(re.fullmatch(_VECTOR, token) for token in _tokens(name))
    return called and source.dtype in FLOATS and len(words) == 1 and (words[0] in _WORDS or words[0] in _LETTERS)


def _tokens(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", "_", name)
    return [token for token in re.split(r"[^a-z0-9]+|(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", spaced.lower()) if token]


def modality_names(columns: Sequence[str]) -> list[str]:
    """Return a short name for each column of vectors: 'text' for 'text_features', 'feat_t' or '500text_msrvtt'."""
    kept = [[token for token in _tokens(name) if not _NOISE.fullmatch(token)] for name in columns]
    letters = [_LETTERS.get(tokens[0], "") if len(tokens) == 1 else "" for tokens in kept]
    alone = any(name.lower() in _LETTERS for name in columns)  # t says less than feat_t
    if all(letters) and len(set(letters)) == len(letters) and not alone:
        return letters
    known = [[token for token in tokens if token in _WORDS] for tokens in kept]
    words = [
        tokens[0] if len(tokens) == 1 else (_WORDS[found[0]] if len({_WORDS[f] for f in found}) == 1 else "")
        for tokens, found in zip(kept, known)
    ]
    short = ["_".join(tokens) for tokens in kept]
    for names in (words, short):
        if all(names) and len(set(names)) == len(names):
            return names
    return list(columns)


def _anchor(table: Table, names: list[str]) -> str | None:
    anchor = table.info.get("anchor")
    if anchor in names:
        return str(anchor)
    return next((name for name in names if _WORDS.get(name) == "text"), names[0] if names else None)


def _named(columns: Mapping[str, Source], words: tuple[str, ...]) -> str | None:
    by_name = {name.lower().removesuffix(" (items)"): name for name in reversed(list(columns))}
    return next((by_name[word] for word in words if word in by_name), None)


def _is_unique(table: Table, source: Source) -> bool:
    if source.original is not None:  # written by this program: checked then, and again when it is read
        return True
    values, faults = source.load()
    return not faults and not values.isna().any() and values.astype(str).is_unique


def _masks(modalities: Mapping[str, str], values: Mapping[str, Source]) -> dict[str, str]:
    """Return modality -> column of truth values that is named after it."""
    plain = {name.lower(): name for name in reversed(list(values))}
    masks = {}
    for modality, column in modalities.items():
        stems = (modality.lower(), column.lower())
        forms = {f"{stem}_{word}" for stem in stems for word in ("mask", "present", "missing", "available")}
        forms |= {f"{word}_{stem}" for stem in stems for word in ("mask", "present", "missing", "has")}
        found = [plain[form] for form in forms if form in plain and _is_binary(values[plain[form]])]
        if found:
            masks[modality] = min(found, key=list(values).index)
    return masks


def _is_binary(source: Source) -> bool:
    if source.head is None:
        return False
    return source.dtype == "bool" or set(source.head.dropna().unique()) <= {0, 1}


def _media(table: Table, columns: Mapping[str, Source], modalities: Mapping[str, str], folder: Path | None) -> Any:
    listed = table.info.get("media")
    if isinstance(listed, list):
        known = {source.original or name: name for name, source in columns.items()}
        return {known[name]: name for name in map(str, listed) if name in known}
    media = {}
    for name, source in columns.items():
        kinds = _kinds(source.head) if folder is not None and source.dtype == "text" else set()
        if folder is not None and kinds and _any_there(folder, source.head):
            tokens = set(_tokens(name))
            words = {_WORDS.get(token, token) for token in tokens} | kinds
            media[name] = next((m for m in modalities if m in tokens or m in words), name)
    return media


def _kinds(head: "pd.Series[Any] | None") -> set[str]:
    """Return what kinds of files a column names; nothing unless all its values name some."""
    texts = [] if head is None else [str(text) for text in head.dropna()]
    kinds = {_KIND.get(text.rsplit(".", 1)[-1].lower(), "") if "." in text else "" for text in texts}
    return set() if "" in kinds else kinds


def _any_there(folder: Path, head: "pd.Series[Any] | None") -> bool:
    return head is not None and any(file_inside(folder, text) is not None for text in head.dropna())
