"""Heads trained on frozen features, including items with missing modalities; held-out items are only ranked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from gram.core.device import select_device
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.errors import EmbeddingSetError
from gram.losses import LOSSES
from gram.losses import names as loss_names
from gram.models.checkpoint import save_heads
from gram.models.heads import Heads, first_layer
from gram.retrieval.evaluate import evaluate
from gram.retrieval.mixed import recommended_measure
from gram.training.align_config import AlignConfig
from gram.training.preconditioning import merge_preconditioner, precondition
from gram.training.split import split_of
from gram.training.trainer import Schedule, Trainer

COLUMN = "aligned"  # column of the items: train, held-out or unused
_MAX_RANKED = 2000  # held-out items ranked at each evaluation
_REPORTS = 100  # number of progress reports, about
_MIN_BATCH = 2  # a contrastive loss needs two items


@dataclass(frozen=True)
class Alignment:
    """Trained heads, and how the training went.

    Attributes:
        heads: one a modality.
        history: one row an evaluation: step, loss (mean since the previous row), temperature, and R@1 of the held-out
            items with the anchor as query, by the loss's own measure ("recall", and under the measure's name such as
            "recall_singular"), by volume and by mean cosine.
        held_out: row numbers of the held-out items, ascending.
        embedding_set: all items in the shared space; the items' column "aligned" says "train", "held-out", or "unused"
            (validation items where there are test items).
        steps: number of steps made; fewer than configured if stopped.
    """

    heads: Heads
    history: pd.DataFrame
    held_out: Int[Tensor, " m"]
    embedding_set: EmbeddingSet
    steps: int

    def save(self, folder: str | Path) -> None:
        """Write `test/` (the held-out items in the shared space), `all/` (every item), `model/` and `history.csv`.

        Media files are not copied; copy the folder `media` next to the sets to keep them.

        Raises:
            EmbeddingSetError, ModelError: the folder cannot be written.
        """
        folder = Path(folder)
        self.embedding_set.subset(self.held_out).save(folder / "test")
        self.embedding_set.save(folder / "all")
        save_heads(self.heads, folder / "model")
        try:
            self.history.to_csv(folder / "history.csv", index=False)
        except OSError as error:
            raise EmbeddingSetError(f"{folder}: cannot be written ({error}); free space") from error


def align(
    features: FeatureSet,
    config: AlignConfig | None = None,
    *,
    progress: Progress = no_progress,
    on_partial: Callable[[dict[str, Any]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str = "auto",
) -> Alignment:
    """Return heads trained to align the modalities of each item in one space.

    Items with missing modalities contribute those they have: a batch holds items with the same modalities, drawn in
    proportion to their number, and the loss is that of those modalities. Items without the anchor, or with nothing
    else, are not trained on. Standardisation and preconditioning are fitted to training rows only, and held-out items
    influence nothing. The same config gives the same heads on the same machine.

    Args:
        features: n items in k modalities of any sizes.
        config: see `AlignConfig`.
        progress: called with the share done and the stage.
        on_partial: called with each row of the history.
        should_stop: called after each step; True ends the training and keeps the heads as they are.
        device: "cpu", "cuda", or "auto" for cuda where there is one.

    Raises:
        EmbeddingSetError: fewer than two modalities, a number of them that the loss is not defined for, or too few
            items.
        GramError: the loss is no longer finite.
        DeviceError: the device is not available.
    """
    config = config or AlignConfig()
    _check(features, config)
    split, chosen = split_of(features, config), select_device(device)
    heads = _untrained(features, config, split.train).to(chosen)
    loss = LOSSES[config.loss](config.temperature, label_smoothing=config.label_smoothing).to(chosen)
    history = _History(heads, _ranked(features, split.held_out, config), config, progress, on_partial, should_stop)
    batches = _batches(features, split.train, config, chosen)
    trainer = Trainer(
        heads,
        loss,
        lambda step: next(batches),
        Schedule(steps=config.steps, learning_rate=config.learning_rate, weight_decay=config.weight_decay),
        callbacks=[history],
        clipped=heads.parameters(),
        autocast=False,
    )
    trainer.fit()
    merge_preconditioner(heads.cpu().eval().modules())
    heads.info = {"name": features.info.get("name"), "train": int(split.train.sum()), "steps": trainer.step}
    embedded = heads.apply_to(features)
    embedded.items = embedded.items.assign(**{COLUMN: split.names()})
    return Alignment(heads, pd.DataFrame(history.rows), split.held_out.nonzero().flatten(), embedded, trainer.step)


def _check(features: FeatureSet, config: AlignConfig) -> None:
    if len(features.names) < 2:
        raise EmbeddingSetError("one modality alone has nothing to be aligned with; give two or more")
    if config.loss not in (able := loss_names(len(features.names))):
        raise EmbeddingSetError(
            f"the loss {config.loss} is for {LOSSES[config.loss].modalities} modalities, and these are "
            f"{len(features.names)}: choose one of {', '.join(able)}"
        )


def _untrained(features: FeatureSet, config: AlignConfig, train: Bool[Tensor, " n"]) -> Heads:
    """Return seeded heads, with standardisation and preconditioning fitted to the training rows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        heads = Heads(features.sizes, config.heads, training=config.training)
    for name, head in zip(features.names, heads.layers, strict=True):
        there = features.present(name) & train
        if not there.any():
            raise EmbeddingSetError(f"no training item has {name}: leave the modality out, or hold other items out")
        rows = features.modalities[name][there]
        heads.fit_statistics(name, rows)
        precondition(first_layer(head), heads.standardise(name, rows))
    return heads


def _batches(
    features: FeatureSet, train: Bool[Tensor, " n"], config: AlignConfig, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    """Yield endless batches of features of items with the same modalities, the anchor first."""
    names = [features.anchor, *(name for name in features.names if name != features.anchor)]
    there = torch.stack([features.present(name) for name in names], dim=1)
    wanted = LOSSES[config.loss].modalities
    enough = there.sum(dim=1) > 1 if wanted is None else there.sum(dim=1) == wanted
    able = train & there[:, 0] & enough
    patterns, group = there[able].unique(dim=0, return_inverse=True)
    rows = able.nonzero().flatten()
    groups = [rows[group == number] for number in range(len(patterns))]
    known = [(rows, pattern) for rows, pattern in zip(groups, patterns) if len(rows) >= _MIN_BATCH]
    if not known:
        raise EmbeddingSetError(
            f"no two training items have {names[0]} and another modality in common: give more items, or another anchor"
        )
    weights = torch.tensor([len(rows) for rows, _ in known], dtype=torch.float64)
    generator = torch.Generator().manual_seed(config.seed)
    waiting: list[Tensor] = [torch.empty(0, dtype=torch.int64) for _ in known]
    while True:
        number = int(torch.multinomial(weights, 1, generator=generator))
        rows, pattern = known[number]
        size = min(config.batch_size, len(rows))
        if len(waiting[number]) < size:
            waiting[number] = rows[torch.randperm(len(rows), generator=generator)]
        batch, waiting[number] = waiting[number][:size], waiting[number][size:]
        yield {name: features.modalities[name][batch].to(device) for name, has in zip(names, pattern.tolist()) if has}


def _ranked(features: FeatureSet, held_out: Bool[Tensor, " n"], config: AlignConfig) -> FeatureSet:
    """Return the held-out items that are ranked during training: a seeded sample of at most 2,000."""
    rows = held_out.nonzero().flatten().numpy()
    if len(rows) > _MAX_RANKED:
        rows = np.sort(np.random.default_rng(config.seed).choice(rows, _MAX_RANKED, replace=False))
    return features.subset(rows)


class _History:
    """Ranking of the held-out items at evenly spaced steps and at the last."""

    def __init__(
        self,
        heads: Heads,
        ranked: FeatureSet,
        config: AlignConfig,
        progress: Progress,
        on_partial: Callable[[dict[str, Any]], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.heads, self.ranked, self.config = heads, ranked, config
        self.progress, self.on_partial, self.should_stop = progress, on_partial, should_stop
        self.rows: list[dict[str, Any]] = []
        self._losses: list[float] = []
        self._recall, self._every = "", max(1, config.steps // _REPORTS)
        self._evaluated = {round(config.steps * (i + 1) / config.evaluations) for i in range(config.evaluations)}

    def __call__(self, trainer: Trainer) -> None:
        """Record the loss of a step; add a row at evaluations."""
        if trainer.step == 0:
            return
        self._losses.append(trainer.last_loss)
        if self.should_stop is not None and self.should_stop():
            trainer.stop()
        if trainer.step in self._evaluated or trainer.stopped:
            self.rows.append(self._row(trainer))
            self._losses = []
            if self.on_partial is not None:
                self.on_partial(self.rows[-1])
            self._recall = f", held-out R@1 {100 * self.rows[-1]['recall']:.1f} %"
        if trainer.step % self._every == 0 or trainer.step in self._evaluated:
            done, steps = trainer.step, self.config.steps
            self.progress(done / steps, f"step {done:,} of {steps:,}{self._recall}")

    def _row(self, trainer: Trainer) -> dict[str, Any]:
        embedded = self.heads.apply_to(self.ranked)
        rest = [name for name in embedded.names if name != embedded.anchor]
        recalls = {
            name: evaluate(embedded, measure=recommended_measure(embedded, rest, name)).recall[1]
            for name in dict.fromkeys(("volume", "cosine", self.config.measure))
        }
        return {
            "step": trainer.step,
            "loss": sum(self._losses) / len(self._losses),
            "temperature": trainer.temperature,
            "recall": recalls[self.config.measure],
            **{f"recall_{name}": recall for name, recall in recalls.items()},
        }
