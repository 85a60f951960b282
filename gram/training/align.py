"""Training heads on features: batches of items alike in what they lack, and a part of the items that is only ranked."""

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
from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.errors import EmbeddingSetError, GramError
from gram.losses import LOSSES
from gram.losses import names as loss_names
from gram.models.checkpoint import save_heads
from gram.models.heads import Heads, first_layer
from gram.retrieval.evaluate import evaluate
from gram.retrieval.mixed import recommended_measure
from gram.training.align_config import AlignConfig
from gram.training.optim import lr_factor, optimizer_of, optimizer_step
from gram.training.preconditioning import merge_preconditioner, precondition
from gram.training.split import Split, split_of

COLUMN = "aligned"  # of the items: which part each was in
_RANKED, _WARMUP = 2000, 0.05
_FEWEST = 2  # items of a batch: one alone has nothing to be told from

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Alignment:
    """Trained heads, and how the training went.

    Attributes:
        heads: one a modality.
        history: a row an evaluation: step, loss (mean since the row before), temperature, and R@1 of the held-out
            items, the anchor asking the rest, by the loss's own measure ("recall", and under the measure's name such
            as "recall_singular"), by volume and by mean cosine.
        held_out: rows of the features that were only ranked, ascending.
        embedding_set: all items in the shared space; the items' column "aligned" says "train", "held-out", or "unused"
            of what was set aside as validation beside test items.
        steps: how many were made; fewer than asked for when it was stopped.
    """

    heads: Heads
    history: pd.DataFrame
    held_out: Int[Tensor, " m"]
    embedding_set: EmbeddingSet
    steps: int

    def save(self, folder: str | Path) -> None:
        """Write `test/` (the held-out items in the shared space), `all/` (every item), `model/` and `history.csv`.

        Media files stay where they are: copy the folder `media` beside the sets to keep them.

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
    settings: AlignConfig | None = None,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str = "auto",
) -> Alignment:
    """Return heads trained so that the modalities of an item agree in one space.

    An item that lacks modalities takes part with those it has: a batch holds items that have the same ones, drawn in
    proportion to how many such items there are, and the loss is that of those modalities. Items that lack the anchor,
    or have nothing else, teach nothing. Standardisation and the axes that condition nearly collinear features are
    fitted on training rows alone, and nothing is chosen by the held-out ones. The same settings give the same heads on
    the same machine.

    Args:
        features: n items in k modalities of any sizes.
        settings: see `AlignConfig`.
        progress: called with each row of the history.
        should_stop: asked at each step; once true, what was learned so far is kept.
        device: "cpu", "cuda", or "auto" for cuda where there is one.

    Raises:
        EmbeddingSetError: fewer than two modalities, a number of them that the loss is not defined for, or too few
            items to learn from or to rank.
        GramError: the loss is no longer finite.
        ValueError: no such device.
    """
    settings = settings or AlignConfig()
    if len(features.names) < 2:
        raise EmbeddingSetError("one modality alone has nothing to be aligned with; give two or more")
    if settings.loss not in (able := loss_names(len(features.names))):
        raise EmbeddingSetError(
            f"the loss {settings.loss} is for {LOSSES[settings.loss].modalities} modalities, and these are "
            f"{len(features.names)}: choose one of {', '.join(able)}"
        )
    split = split_of(features, settings)
    place = select_device(device)
    heads = _start(features, settings, split.train)
    training = _Training(features, settings, heads.to(place), split.train)
    ranked = _ranked(features, split.held_out, settings)
    rows: list[dict[str, Any]] = []
    losses: list[float] = []
    at = {round(settings.steps * (i + 1) / settings.evaluations) for i in range(settings.evaluations)}
    done = 0
    for done in range(1, settings.steps + 1):
        losses.append(training.step(done))
        stopped = should_stop is not None and should_stop()
        if done in at or stopped:
            rows.append(_row(done, settings, losses, training.temperature, heads, ranked))
            losses = []
            if progress:
                progress(rows[-1])
        if stopped:
            break
    merge_preconditioner(heads.cpu().eval().modules())
    heads.info = {"name": features.info.get("name"), "train": int(split.train.sum()), "steps": done}
    held_out = split.held_out.nonzero().flatten()
    return Alignment(heads, pd.DataFrame(rows), held_out, _embed(heads, features, split), done)


def _start(features: FeatureSet, settings: AlignConfig, train: Bool[Tensor, " n"]) -> Heads:
    """Return untrained heads, drawn by the seed, with the statistics of the training rows, conditioned by them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        heads = Heads(features.sizes, settings.heads, training=settings.training)
    for name, head in zip(features.names, heads.layers, strict=True):
        there = features.present(name) & train
        if not there.any():
            raise EmbeddingSetError(f"no training item has {name}: leave the modality out, or hold other items out")
        rows = features.modalities[name][there]
        heads.fit_statistics(name, rows)
        precondition(first_layer(head), heads.standardise(name, rows))
    return heads


class _Training:
    """The state of a training: heads, loss, optimizer, and the batches to come."""

    def __init__(self, features: FeatureSet, settings: AlignConfig, heads: Heads, train: Bool[Tensor, " n"]) -> None:
        self.settings, self.heads = settings, heads
        self.device = heads.get_buffer("mean_0").device
        self.loss = LOSSES[settings.loss](settings.temperature, label_smoothing=settings.label_smoothing)
        self.loss.to(self.device)
        learned = [*heads.parameters(), *self.loss.parameters()]
        self.optimizer = optimizer_of(learned, settings.learning_rate, settings.weight_decay)
        self.features = features
        self.names = [features.anchor, *(name for name in features.names if name != features.anchor)]
        self.batches = _batches(features, self.names, train, settings)

    @property
    def temperature(self) -> float:
        """The temperature now."""
        return float(self.loss.temperature.detach())

    def step(self, number: int) -> float:
        """Learn from one batch, and return its loss.

        Raises:
            GramError: it is not finite.
        """
        rows, names = next(self.batches)
        vectors = [self.heads(name, self.features.modalities[name][rows].to(self.device)) for name in names]
        loss: Tensor = self.loss(*vectors)
        if not torch.isfinite(loss):
            raise GramError(f"the loss is not finite at step {number}: take a lower learning rate")
        rate = self.settings.learning_rate * lr_factor(number - 1, self.settings.steps, _WARMUP)
        optimizer_step(self.heads.parameters(), loss, self.optimizer, rate)
        return float(loss.detach())


def _batches(
    features: FeatureSet, names: list[str], train: Bool[Tensor, " n"], settings: AlignConfig
) -> Iterator[tuple[Int[Tensor, " b"], list[str]]]:
    """Yield rows without end, each time of items that have the same modalities, and which these are."""
    there = torch.stack([features.present(name) for name in names], dim=1)
    wanted = LOSSES[settings.loss].modalities
    enough = there.sum(dim=1) > 1 if wanted is None else there.sum(dim=1) == wanted
    able = train & there[:, 0] & enough
    patterns, group = there[able].unique(dim=0, return_inverse=True)
    rows = able.nonzero().flatten()
    groups = [rows[group == number] for number in range(len(patterns))]
    known = [(rows, pattern) for rows, pattern in zip(groups, patterns) if len(rows) >= _FEWEST]
    if not known:
        raise EmbeddingSetError(
            f"no two training items have {names[0]} and another modality in common: give more items, or another anchor"
        )
    weights = torch.tensor([len(rows) for rows, _ in known], dtype=torch.float64)
    generator = torch.Generator().manual_seed(settings.seed)
    waiting: list[Tensor] = [torch.empty(0, dtype=torch.int64) for _ in known]
    while True:
        number = int(torch.multinomial(weights, 1, generator=generator))
        rows, pattern = known[number]
        size = min(settings.batch_size, len(rows))
        if len(waiting[number]) < size:
            waiting[number] = rows[torch.randperm(len(rows), generator=generator)]
        batch, waiting[number] = waiting[number][:size], waiting[number][size:]
        yield batch, [name for name, has in zip(names, pattern.tolist()) if has]


def _ranked(features: FeatureSet, held_out: Bool[Tensor, " n"], settings: AlignConfig) -> FeatureSet:
    """Return the held-out items that are ranked as training goes on: some thousands at most, drawn by the seed."""
    rows = held_out.nonzero().flatten().numpy()
    if len(rows) > _RANKED:
        rows = np.sort(np.random.default_rng(settings.seed).choice(rows, _RANKED, replace=False))
    return features.subset(rows)


def _row(
    step: int, settings: AlignConfig, losses: list[float], temperature: float, heads: Heads, ranked: FeatureSet
) -> dict[str, Any]:
    """Return one row of the history."""
    embedded = heads.apply_to(ranked)
    rest = [name for name in embedded.names if name != embedded.anchor]
    recalls = {
        name: evaluate(embedded, measure=recommended_measure(embedded, rest, name)).recall[1]
        for name in dict.fromkeys(("volume", "cosine", settings.measure))
    }
    return {
        "step": step,
        "loss": sum(losses) / len(losses),
        "temperature": temperature,
        "recall": recalls[settings.measure],
        **{f"recall_{name}": recall for name, recall in recalls.items()},
    }


def _embed(heads: Heads, features: FeatureSet, split: Split) -> EmbeddingSet:
    embedded = heads.apply_to(features)
    embedded.items = embedded.items.assign(**{COLUMN: split.names()})
    return embedded
