"""Outcomes of runs: embeddings of the test items at checkpoints, and losses; stored under the run's key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from gram.core.atomic import current_file, read_consistently, replace_files
from gram.core.cache import cache_folder
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.experiments.config import Budget, RunConfig
from gram.losses import AnchorMatching

_VECTORS, _FACTS, _HEAD = "embeddings.safetensors", "run.json", "matching.safetensors"


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of one run.

    Attributes:
        run: its settings.
        steps: the checkpoints, ascending.
        vectors: step -> modality -> (n, d) float16; rows of NaN where an item lacks it. A run whose texts vary has the
            texts of each kind as "text", "text:first-digit" and "text:parity".
        items: one row a test item, with the columns "id" and "label".
        losses: of every step.
        validation: step -> R@1 of the validation items by the run's own measure.
        temperature: at the end.
        seconds: spent in training.
        matching: the trained matching head, if there is one.
        settings: all that it depends on, see `RunConfig.settings`; empty before it is stored.
    """

    run: RunConfig
    steps: tuple[int, ...]
    vectors: Mapping[int, Mapping[str, Float[Tensor, "n d"]]] = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    losses: tuple[float, ...] = field(repr=False)
    validation: Mapping[int, float]
    temperature: float
    seconds: float
    matching: AnchorMatching | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def embedding_set(self, step: int | None = None, *, text: str = "text") -> EmbeddingSet:
        """Return the test items in the run's modalities at a step, the last by default, scaled to unit length again."""
        kept = self.vectors[self.steps[-1] if step is None else step]
        modalities = {name: kept[text if name == "text" else name] for name in self.run.modalities}
        return EmbeddingSet(modalities, self.items, {"name": str(self.run), "anchor": "text"}).normalized()


def runs_folder() -> Path:
    """Return the default folder of runs: "experiments" in the cache."""
    return cache_folder("experiments")


def outcome_folder(folder: Path, run: RunConfig, budget: Budget) -> Path:
    """Return the folder of a run's outcome, below the folder of runs."""
    return folder / run.key(budget)


def is_kept(folder: Path, run: RunConfig, budget: Budget) -> bool:
    """Return whether a run's outcome is stored."""
    return current_file(outcome_folder(folder, run, budget), _FACTS).is_file()


def keep(folder: Path, outcome: Outcome, budget: Budget) -> None:
    """Store an outcome below the folder of runs, atomically.

    Raises:
        GramError: the disk refuses.
    """
    named = {
        f"{step}/{name}": rows.contiguous() for step, kept in outcome.vectors.items() for name, rows in kept.items()
    }
    facts: dict[str, Any] = {
        "settings": outcome.run.settings(budget),
        "losses": list(outcome.losses),
        "validation": {str(step): value for step, value in outcome.validation.items()},
        "temperature": outcome.temperature,
        "seconds": outcome.seconds,
    }

    def write(staged: Path) -> None:
        save_file(named, staged / _VECTORS)
        if outcome.matching is not None:
            save_file(outcome.matching.state_dict(), staged / _HEAD)
        (staged / _FACTS).write_text(json.dumps(facts, indent=1) + "\n")

    try:
        replace_files(outcome_folder(folder, outcome.run, budget), write)
    except OSError as error:
        raise GramError(f"{folder}: the run could not be kept ({error})") from error


def load_outcome(folder: Path, run: RunConfig, budget: Budget, items: pd.DataFrame) -> Outcome:
    """Return the stored outcome of a run."""
    own = outcome_folder(folder, run, budget)

    def read() -> Outcome:
        facts = json.loads(current_file(own, _FACTS).read_text())
        vectors: dict[int, dict[str, Tensor]] = {}
        for name, rows in load_file(current_file(own, _VECTORS)).items():
            step, _, modality = name.partition("/")
            vectors.setdefault(int(step), {})[modality] = rows
        head = None
        if run.matching:
            head = AnchorMatching(run.width(budget), len(run.modalities), seed=run.seed)
            head.load_state_dict(load_file(current_file(own, _HEAD)))
        return Outcome(
            run=run,
            steps=tuple(sorted(vectors)),
            vectors={step: vectors[step] for step in sorted(vectors)},
            items=items,
            losses=tuple(map(float, facts["losses"])),
            validation={int(step): float(value) for step, value in facts["validation"].items()},
            temperature=float(facts["temperature"]),
            seconds=float(facts["seconds"]),
            matching=head,
            settings=dict(facts["settings"]),
        )

    try:
        return read_consistently(own, read, witness=_FACTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
        raise GramError(f"{own}: no readable run; delete the folder and run again ({error})") from error
