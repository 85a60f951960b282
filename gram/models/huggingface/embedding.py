"""Embedding a folder of media by frozen encoders, in batches; an interrupted call resumes."""

import filecmp
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch

from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.data.storage import check_writable
from gram.errors import EmbeddingSetError, MediaError, ModelError
from gram.models.huggingface.encoder import Encoder
from gram.models.huggingface.folder import Items, Medium, scan_folder
from gram.models.huggingface.inputs import Recording
from gram.models.huggingface.parts import Parts

_READERS = 4  # files read at once, while the model computes the previous batch
_AHEAD = 2  # batches read ahead


class Embedded(NamedTuple):
    """The result of embedding a folder.

    Attributes:
        features: the saved set: an `EmbeddingSet` where all modalities have the same d, else a `FeatureSet`.
        computed: number of vectors computed by this call.
        resumed: number of vectors reused from an earlier call.
        skipped: files that could not be used, each with the reason.
        cut: modality -> number of recordings longer than the encoder's limit.
        notes: sentences on what was left out.
    """

    features: EmbeddingSet | FeatureSet
    computed: int
    resumed: int
    skipped: tuple[str, ...]
    cut: dict[str, int]
    notes: tuple[str, ...]


class _Task(NamedTuple):
    """One modality of the result: a medium, its encoder, and the key of each item's vector; None where it has none."""

    name: str
    encoder: Encoder
    medium: Medium
    keys: list[bytes | None]


def embed_folder(
    path: str | Path,
    out: str | Path,
    encoders: Sequence[Encoder],
    *,
    text: str | None = None,
    batch_size: int = 32,
    skip_bad: bool = False,
    progress: Progress = no_progress,
) -> Embedded:
    """Embed the items of a folder with every encoder, copy their media, and save the set.

    Finished vectors are kept in the hidden folder OUT/.parts under a digest of the encoder and of the file (its path,
    size and modification time), so that a repeated call computes only what is missing or has changed; at the end that
    folder is removed. An item without a file has a row of NaN.

    Args:
        path: a folder or a table; see `scan_folder`.
        out: folder of the set.
        encoders: each embeds every medium that it can.
        text: column of the table that holds texts.
        batch_size: inputs encoded at once.
        skip_bad: give a file that cannot be used a row of NaN, and count it, instead of raising.
        progress: called with the share of finished vectors, those of an earlier call included.

    Raises:
        EmbeddingSetError: see `scan_folder`; `out` holds files but no set, or the disk fails.
        ModelError: no encoder, two of one label, or one with nothing to embed in this folder.
        MediaError: a file cannot be used, unless `skip_bad`; the message names it.
    """
    items, out = scan_folder(path, text=text), Path(out)
    check_writable(out)
    tasks, parts = _tasks(items, encoders), Parts(out / ".parts")
    skipped, cut = [], Counter[str]()
    keys = {key for task in tasks for key in task.keys if key is not None}
    resumed = done = sum(key in parts for key in keys)

    def report() -> None:
        progress(done / max(1, len(keys)), f"{done:,} of {len(keys):,} inputs")

    report()
    try:
        for task in tasks:
            for batch in _embed(task, items.folder, parts, batch_size=batch_size, skip_bad=skip_bad):
                skipped += [str(one) for one in batch if isinstance(one, MediaError)]
                cut[task.name] += sum(isinstance(one, Recording) and one.cut for one in batch)
                done += len(batch)
                report()
    finally:
        parts.write()
    features = _as_set(items, tasks, parts)
    _copy_media(items, out)
    features.save(out)
    shutil.rmtree(out / ".parts", ignore_errors=True)
    notes = (*items.notes, *_notes(items, tasks, features))
    return Embedded(features, done - resumed - len(skipped), resumed, tuple(skipped), dict(+cut), notes)


def _tasks(items: Items, encoders: Sequence[Encoder]) -> list[_Task]:
    labels = [encoder.label for encoder in encoders]
    if not labels:
        raise ModelError("no encoder; give at least one, such as clip=models/clip")
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ModelError(f"two encoders are called {repeated[0]!r}; give each a label of its own")
    pairs = [(medium, encoder) for medium in items.media for encoder in encoders if medium.kind in encoder.modalities]
    for encoder in encoders:
        if all(encoder is not used for _, used in pairs):
            raise ModelError(
                f"{encoder.label} embeds {' and '.join(encoder.modalities)}, and {items.folder} has none; "
                "leave it out, or add files"
            )
    names = [medium.name for medium, _ in pairs]
    return [
        _Task(
            medium.name if names.count(medium.name) == 1 else f"{encoder.label}-{medium.name}",
            encoder,
            medium,
            [_key(items.folder, medium, encoder, value) for value in medium.inputs],
        )
        for medium, encoder in pairs
    ]


def _key(folder: Path, medium: Medium, encoder: Encoder, value: str | None) -> bytes | None:
    """Return a digest of all that a vector depends on; None where the item lacks it, its file included."""
    if value is None:
        return None
    facts = [encoder.fingerprint, encoder.precision, medium.kind, value]
    if medium.in_files:
        try:
            stat = (folder / value).stat()
        except OSError:
            return None
        facts += [str(stat.st_size), str(stat.st_mtime_ns)]
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).digest()


def _embed(task: _Task, folder: Path, parts: Parts, *, batch_size: int, skip_bad: bool) -> Iterator[list[Any]]:
    """Compute the missing vectors of a task; yield its inputs as read, or their `MediaError`, batch by batch."""
    todo = {
        key: value
        for key, value in zip(task.keys, task.medium.inputs)
        if key is not None and value is not None and key not in parts
    }
    kind, encoder = task.medium.kind, task.encoder

    def read(value: str) -> Any:
        try:
            return encoder.read(kind, folder / value if task.medium.in_files else value)
        except MediaError as error:
            where = str(folder / value) if task.medium.in_files else f"{task.name} {value[:40]!r}"
            return MediaError(f"{where}: {error}")

    with ThreadPoolExecutor(_READERS) as readers:
        for batch in _read_ahead(readers, read, list(todo.items()), batch_size):
            good = [(key, one) for key, one in batch if not isinstance(one, MediaError)]
            bad = [one for _, one in batch if isinstance(one, MediaError)]
            if bad and not skip_bad:
                readers.shutdown(cancel_futures=True)
                raise MediaError(f"{bad[0]}; repair or remove it, or go on without it (--skip-bad)")
            if good:
                vectors = encoder.encode(kind, [one for _, one in good], batch_size=batch_size)
                parts.add([key for key, _ in good], vectors)
            yield [one for _, one in batch]


def _read_ahead(
    readers: ThreadPoolExecutor, read: Callable[[str], Any], todo: list[tuple[bytes, str]], size: int
) -> Iterator[list[tuple[bytes, Any]]]:
    """Yield batches of inputs in order, reading a few batches ahead."""
    waiting: list[list[tuple[bytes, Any]]] = []
    source = iter(todo)
    while True:
        while len(waiting) <= _AHEAD and (batch := list(islice(source, size))):
            waiting.append([(key, readers.submit(read, value)) for key, value in batch])
        if not waiting:
            return
        yield [(key, future.result()) for key, future in waiting.pop(0)]


def _as_set(items: Items, tasks: list[_Task], parts: Parts) -> EmbeddingSet | FeatureSet:
    modalities = {}
    for task in tasks:
        there = [(row, parts[key]) for row, key in enumerate(task.keys) if key is not None and key in parts]
        if not there:
            raise EmbeddingSetError(
                f"{items.folder}: no file of {task.name} could be used; embed without --skip-bad to see why"
            )
        rows = torch.full((len(items.table), len(there[0][1])), float("nan"))
        for row, vector in there:
            rows[row] = vector
        modalities[task.name] = rows
    table, media = _table(items)
    encoders: dict[str, dict[str, Any]] = {}
    for task in tasks:
        encoder, source = task.encoder, task.encoder.source
        record = {
            "label": encoder.label,
            "source": str(Path(source).resolve()) if Path(source).is_dir() else source,
            "type": encoder.kind,
            "precision": encoder.precision,
            "fingerprint": encoder.fingerprint,
            "modalities": {},
        }
        encoders.setdefault(encoder.label, record)["modalities"][task.name] = task.medium.kind
    info = {
        "name": items.folder.resolve().name,
        "description": f"Embedded by {', '.join(one['source'] for one in encoders.values())}",
        "anchor": next(iter(modalities)),
        "encoders": list(encoders.values()),
        "media": media,
    }
    one_space = len({rows.shape[1] for rows in modalities.values()}) == 1
    return (EmbeddingSet if one_space else FeatureSet)(modalities, table, info)


def _table(items: Items) -> tuple[pd.DataFrame, list[str]]:
    """Return the items with their texts, and with paths of their media below the set's folder."""
    table, columns = items.table.copy(), []
    for medium in items.media:
        if medium.in_files and medium.kind != "text":
            column = f"media_{medium.name}"
            columns.append(column)
            there = [value is not None and (items.folder / value).is_file() for value in medium.inputs]
            table[column] = [f"media/{value}" if ok else None for value, ok in zip(medium.inputs, there)]
        else:
            table[medium.name] = [_shown_text(items.folder, medium, value) for value in medium.inputs]
    return table, columns


def _shown_text(folder: Path, medium: Medium, value: str | None) -> str | None:
    """Return the text of an item: the value itself, or the content of its file."""
    if value is None or not medium.in_files:
        return value
    try:
        return (folder / value).read_text(encoding="utf-8-sig", errors="replace").strip()
    except OSError:
        return None


def _copy_media(items: Items, out: Path) -> None:
    """Copy pictures and recordings below media/; unchanged copies stay."""
    for medium in items.media:
        if not medium.in_files or medium.kind == "text":
            continue
        for value in medium.inputs:
            source, target = items.folder / str(value), out / "media" / str(value)
            if value is None or not source.is_file() or (target.is_file() and filecmp.cmp(source, target)):
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
            except OSError as error:
                raise EmbeddingSetError(f"{target}: cannot be written ({error.strerror}); free space") from error


def _notes(items: Items, tasks: list[_Task], features: EmbeddingSet | FeatureSet) -> Iterator[str]:
    """Yield notes on media without an encoder, and on encoders of equal size, which is not one space."""
    used = {task.medium.name for task in tasks}
    if left := [medium.name for medium in items.media if medium.name not in used]:
        yield f"no encoder given for {', '.join(left)}; kept as media only"
    makers = list(dict.fromkeys(task.encoder.label for task in tasks))
    if isinstance(features, EmbeddingSet) and len(makers) > 1:
        yield f"{' and '.join(makers)} give vectors of one size, but share no space unless trained to: align them"
