"""The built-in validation and test items, and their embedding by a model."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gram.core.progress import Progress, no_progress, subprogress
from gram.data.embedding_set import EmbeddingSet
from gram.data.storage import check_writable
from gram.datasets.spoken_numbers import MODALITIES, draw_recipes, numbers_of
from gram.errors import EmbeddingSetError
from gram.models import MultimodalModel
from gram.training.spoken_numbers.pool import render_examples

_BLOCK = 256
_SEEDS = {"validation": 1, "test": 2}
_INFO = {
    "name": "spoken numbers",
    "description": "Four-digit numbers in words, handwritten, spoken and dialled, with recorded corruptions",
    "anchor": "text",
    "source": "handwriting: scikit-learn's load_digits (UCI); speech: espeak-ng; tones: DTMF, ITU-T Q.23",
    "licence": "handwriting CC BY 4.0",
}


def split_items(split: str) -> pd.DataFrame:
    """Return the recipes of the built-in validation or test set, shuffled, always the same.

    Raises:
        ValueError: if `split` is not validation or test.
    """
    return sample_items(split, 0)


def sample_items(split: str, number: int, *, seed: int = 0) -> pd.DataFrame:
    """Return one round of recipes: each number of a split once, shuffled.

    Round 0 is `split_items`. Later rounds draw other handwriting, voices and noise with `seed`; their ids are the
    number and the round, such as 4721-2 for the second time that 4721 comes.

    Raises:
        ValueError: if `split` is not validation or test.
    """
    if split not in _SEEDS:
        raise ValueError(f"split must be validation or test; got {split!r}")
    own = _SEEDS[split]
    drawn, order = np.random.SeedSequence((own, seed, number)).generate_state(2) if number else (own, own)
    recipes = draw_recipes(numbers_of(split), split, seed=int(drawn))
    if number:
        recipes["id"] += f"-{number + 1}"
    return recipes.sample(frac=1, random_state=int(order)).reset_index(drop=True)


def embed_items(
    model: MultimodalModel,
    items: pd.DataFrame,
    *,
    info: Mapping[str, Any] | None = None,
    processes: int | None = 1,
    progress: Progress = no_progress,
) -> EmbeddingSet:
    """Return the embedding set of built-in items: each rendered from its recipe and encoded in every modality.

    Args:
        model: encodes.
        items: recipes.
        info: entries added to the set's info.
        processes: number of processes that render; None takes as many as there are cores, 1 renders in this process.
        progress: called with the share of the items that is done.
    """
    return embed_examples(
        model, items, render_examples(model, items, processes=processes), info=info, progress=progress
    )


def embed_examples(
    model: MultimodalModel,
    items: pd.DataFrame,
    examples: Iterable[Mapping[str, np.ndarray]],
    *,
    info: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> EmbeddingSet:
    """Return the embedding set of items from their encoder inputs, as `render_examples` yields them."""
    parts: dict[str, list[Tensor]] = {name: [] for name in MODALITIES}
    done, waiting = 0, iter(examples)
    while block := list(islice(waiting, _BLOCK)):
        for name in MODALITIES:
            parts[name].append(model.encode_prepared(name, [torch.from_numpy(example[name]) for example in block]))
        done += len(block)
        progress(done / len(items), "embedding")
    vectors = {name: torch.cat(part) for name, part in parts.items()}
    return EmbeddingSet(modalities=vectors, items=items, info={**_INFO, **(info or {})})


def embed_many(
    model: MultimodalModel,
    count: int,
    out: str | Path,
    *,
    split: str = "test",
    seed: int = 0,
    half: bool = False,
    info: Mapping[str, Any] | None = None,
    processes: int | None = None,
    progress: Progress = no_progress,
) -> EmbeddingSet:
    """Embed any number of built-in items and save the set; return it.

    Items are rendered and encoded a round at a time (see `sample_items`) and only their vectors are kept. Each
    finished round is saved in the hidden folder OUT/.rounds, so that a repeated call resumes after an interruption; at
    the end that folder is removed.

    Args:
        model: encodes.
        count: number of items.
        out: folder of the set.
        split: validation or test, whose numbers, handwriting and voices are used.
        seed: decides all rounds after the first.
        half: store float16.
        info: what to add to the set's info.
        processes: number of processes that render; None takes as many as there are cores.
        progress: called with the share of the items that is done.

    Raises:
        ValueError: if `count` is below 1, or `split` is not validation or test.
        EmbeddingSetError: if `out` holds files but no set, or the disk fails.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}")
    check_writable(Path(out))
    rounds = Path(out) / ".rounds"
    maker = _fingerprint(model, split, seed, half)
    parts: list[EmbeddingSet] = []
    done = 0
    while done < count:
        items = sample_items(split, len(parts), seed=seed).iloc[: count - done]
        folder = rounds / f"{len(parts):05d}"
        if not _is_finished(folder, maker, items):
            part = embed_items(
                model,
                items,
                info={"maker": maker},
                processes=processes,
                progress=subprogress(progress, done / count, (done + len(items)) / count),
            )
            (half_precision(part) if half else part).save(folder)
        parts.append(EmbeddingSet.load(folder))  # mapped from disk: the vectors need no memory until the end
        done += len(items)
        progress(done / count, "embedding")
    vectors = {name: torch.cat([part.modalities[name] for part in parts]) for name in MODALITIES}
    items = pd.concat([part.items for part in parts], ignore_index=True)
    del parts
    whole = EmbeddingSet(modalities=vectors, items=items, info={**_INFO, **(info or {})})
    whole.save(out)
    shutil.rmtree(rounds)
    return whole


def _fingerprint(model: MultimodalModel, split: str, seed: int, half: bool) -> str:
    """Return a digest of the model and settings that made a round."""
    digest = hashlib.sha256(f"{split} {seed} {half}".encode())
    for name, weights in model.state_dict().items():
        digest.update(name.encode())
        digest.update(weights.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _is_finished(folder: Path, maker: str, items: pd.DataFrame) -> bool:
    """Return whether an earlier call embedded this round of items, by the same model and settings."""
    try:
        part = EmbeddingSet.load(folder)
    except EmbeddingSetError:
        return False
    return part.info.get("maker") == maker and part.items["id"].tolist() == items["id"].tolist()


def half_precision(embedding_set: EmbeddingSet) -> EmbeddingSet:
    """Return the set with float16 vectors: half the size, each number to about three digits."""
    halves = {name: vectors.half() for name, vectors in embedding_set.modalities.items()}
    return EmbeddingSet(modalities=halves, items=embedding_set.items, info=embedding_set.info)
