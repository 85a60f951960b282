"""The items of a budget, rendered once into the encoders' inputs, stored, and memory-mapped by every worker."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gram.core.atomic import replace_files
from gram.core.progress import Progress, no_progress
from gram.datasets.spoken_numbers import MODALITIES, draw_recipes, numbers_of
from gram.experiments.config import FORMAT, Budget
from gram.models import MultimodalModel
from gram.training.spoken_numbers.embedding import split_items
from gram.training.spoken_numbers.pool import TrainingPool, render_examples

PARTS = ("train", "validation", "test")
_SEED = 0  # of the training recipes: the same items for all runs
_SPREAD_OF = 200  # training items whose inputs say how far a modality's inputs spread


class Ragged(Sequence[Tensor]):
    """Variable-length examples of one modality, end to end in one memory-mapped file."""

    def __init__(self, values: np.ndarray, ends: np.ndarray) -> None:
        self.values, self.ends = values, ends

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: Any) -> Any:
        """Return the example of a row, copied into memory."""
        if isinstance(row, slice):
            return [self[place] for place in range(*row.indices(len(self)))]
        start = self.ends[row - 1] if row else 0
        return torch.from_numpy(np.ascontiguousarray(np.array(self.values[start : self.ends[row]]).T))


@dataclass(frozen=True)
class Data:
    """The rendered items of a budget.

    Attributes:
        examples: part -> modality -> what the encoders take.
        items: part -> one row an item, with the columns "id" and "label".
    """

    examples: Mapping[str, Mapping[str, Ragged]]
    items: Mapping[str, pd.DataFrame]

    def pool(self, modalities: Sequence[str], seed: int, numbers: int) -> TrainingPool:
        """Return the training items as batches, in the order of a seed."""
        return TrainingPool({name: self.examples["train"][name] for name in modalities}, numbers, seed=seed)

    def spread(self, modality: str) -> float:
        """Return the standard deviation of a modality's inputs, over the first training items."""
        values = [example.float().flatten() for example in self.examples["train"][modality][:_SPREAD_OF]]
        return float(torch.cat(values).std())


def data_folder(folder: Path, budget: Budget) -> Path:
    """Return the folder of a budget's items, below the folder of runs."""
    facts = [FORMAT, _SEED, budget.numbers, budget.renderings, budget.validation, budget.test]
    return folder / f"items-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]}"


def is_prepared(folder: Path, budget: Budget) -> bool:
    """Return whether the items of a budget are stored."""
    return (data_folder(folder, budget) / "done").is_file()


def prepare_data(folder: Path, budget: Budget, *, processes: int | None = 1, progress: Progress = no_progress) -> Data:
    """Return the items of a budget; render and store them first if they are not there yet."""
    own = data_folder(folder, budget)
    if not is_prepared(folder, budget):
        shutil.rmtree(own, ignore_errors=True)
        replace_files(own, lambda staged: _render(staged, budget, processes, progress))
    return load_data(folder, budget)


def load_data(folder: Path, budget: Budget) -> Data:
    """Return the items that `prepare_data` stored."""
    own = data_folder(folder, budget)
    examples = {
        part: {
            name: Ragged(np.load(own / f"{part}-{name}.npy", mmap_mode="r"), np.load(own / f"{part}-{name}-ends.npy"))
            for name in MODALITIES
        }
        for part in PARTS
    }
    return Data(examples, {part: pd.read_parquet(own / f"{part}.parquet") for part in PARTS})


def _recipes(part: str, budget: Budget) -> pd.DataFrame:
    if part != "train":
        return split_items(part).iloc[: getattr(budget, part)]
    numbers = numbers_of("train")[: budget.numbers]
    seeds = np.random.SeedSequence(_SEED).generate_state(budget.renderings)
    return pd.concat([draw_recipes(numbers, "train", seed=int(seed)) for seed in seeds], ignore_index=True)


def _render(staged: Path, budget: Budget, processes: int | None, progress: Progress) -> None:
    model = MultimodalModel()
    recipes = {part: _recipes(part, budget) for part in PARTS}
    whole, done = sum(map(len, recipes.values())), 0
    for part, rows in recipes.items():
        kept: dict[str, list[np.ndarray]] = {name: [] for name in MODALITIES}
        for example in render_examples(model, rows, processes=processes, half=True):
            for name, value in example.items():
                kept[name].append(np.moveaxis(value, -1, 0))
            done += 1
            progress(done / whole, "rendering the items")
        for name, values in kept.items():
            np.save(staged / f"{part}-{name}.npy", np.concatenate(values))
            np.save(staged / f"{part}-{name}-ends.npy", np.cumsum([len(value) for value in values]))
        rows[["id", "label"]].to_parquet(staged / f"{part}.parquet")
    (staged / "done").write_text("")
