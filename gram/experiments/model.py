"""The model and the loss of a run: encoders, the degraded modality, and what a text names."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from gram.experiments.config import DEGRADED, MIXED, TEXTS, Budget, RunConfig
from gram.losses import LOSSES, AnchorMatching
from gram.models import Batch, MultimodalModel, collate
from gram.models.encoders import TextEncoder
from gram.models.multimodal import ModelConfig

NARROW = 8  # dimensions of the bottleneck
NOISE = 2.0  # standard deviations of a modality's inputs
_MIN_GROUP = 2  # items: one alone has nothing to be told from
_LACK_DRAW = 30  # sets the draw of who lacks a modality apart from others


class RunBatch(NamedTuple):
    """Inputs of some items.

    Attributes:
        inputs: modality -> padded inputs; the degraded modality's are of the items that have it.
        there: which items have it.
        noise: draws the noise of its inputs.
    """

    inputs: dict[str, Batch]
    there: Bool[Tensor, " b"]
    noise: torch.Generator


class ExperimentModel(nn.Module):
    """The encoders of a run and what makes one modality unequal, drawn by the run's seed.

    Two models of a seed that differ in loss, temperature, degradation or text start from the same encoders.
    """

    def __init__(self, run: RunConfig, budget: Budget, *, spread: float = 1.0) -> None:
        super().__init__()
        self.run, self.spread = run, spread
        torch.manual_seed(run.seed)
        d = run.width(budget)
        self.model = MultimodalModel(ModelConfig(**{**vars(budget.model), "d": d}))
        self.narrow = nn.Sequential(nn.Linear(d, NARROW), nn.Linear(NARROW, d)) if run.degradation == "narrow" else None
        if run.text != TEXTS[0]:
            self.parity_words = _widen(self.model, 2)

    def batch(
        self,
        examples: Mapping[str, Sequence[Tensor]],
        rows: Sequence[int],
        labels: Sequence[str],
        kinds: Sequence[str],
        noise: torch.Generator,
    ) -> RunBatch:
        """Return the batch of some rows, on the model's device."""
        there = torch.from_numpy(~lacking(labels, self.run.missing))
        inputs = {}
        for name in self.run.modalities:
            found = [examples[name][row] for row, has in zip(rows, there.tolist()) if has or name != DEGRADED]
            if name == "text" and self.run.text != TEXTS[0]:
                found = [coarse_text(*each, self.parity_words) for each in zip(found, labels, kinds)]
            if found:
                inputs[name] = collate([example.float() for example in found]).to(self.model.device)
        return RunBatch(inputs, there, noise)

    def forward(self, batch: RunBatch) -> dict[str, Tensor]:
        """Return unit vectors (b, d) of each modality; rows of NaN where an item lacks the degraded one."""
        inputs, there, noise = batch
        vectors = {}
        for name, given in inputs.items():
            degraded = name == DEGRADED and self.run.degradation != "none"
            hidden = self.model.encoders[name](self._noised(given, noise) if degraded else given).float()
            if degraded and self.narrow is not None:
                hidden = self.narrow(hidden).float()
            unit = nn.functional.normalize(hidden, dim=-1)
            if degraded and not bool(there.all()):
                filled = unit.new_full((len(there), unit.shape[1]), torch.nan)
                unit = filled.index_put((there.nonzero().flatten().to(unit.device),), unit)
            vectors[name] = unit
        if DEGRADED in self.run.modalities and DEGRADED not in vectors:
            vectors[DEGRADED] = torch.full_like(vectors["text"], torch.nan)
        return {name: vectors[name] for name in self.run.modalities}

    def _noised(self, batch: Batch, noise: torch.Generator) -> Batch:
        if self.run.degradation not in ("noisy", "pure-noise"):
            return batch
        values, lengths = batch
        if self.run.degradation == "pure-noise":
            values = torch.zeros_like(values)  # pictures are all of one size, so that nothing of the item is left
        drawn = torch.randn(values.shape, generator=noise).to(values)
        return Batch(values + NOISE * self.spread * drawn, lengths)


class RunLoss(nn.Module):
    """The loss of a run with its matching head: the mean over items, in groups that have the same modalities.

    An item that lacks a modality (a row of NaN) takes part with those it has, under every loss alike; an item that no
    other shares its modalities with takes no part.
    """

    def __init__(self, run: RunConfig, budget: Budget) -> None:
        super().__init__()
        fixed: dict[str, Any] = {} if run.temperature is None else {"temperature": run.temperature}
        self.contrastive = LOSSES[run.loss](**fixed, learn_temperature=not fixed)
        width, k = run.width(budget), len(run.modalities)
        self.matching = AnchorMatching(width, k, seed=run.seed) if run.matching else None

    @property
    def temperature(self) -> Tensor:
        """Temperature of the contrastive loss."""
        temperature: Tensor = self.contrastive.temperature
        return temperature

    def forward(self, *vectors: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """Return the loss of a batch, the anchor's vectors first."""
        there = torch.stack([~rows[:, 0].isnan() for rows in vectors], dim=1)  # (b, k)
        if bool(there.all()):
            return self._of_group(vectors)
        patterns, group = there.unique(dim=0, return_inverse=True)
        parts, counts = [], []
        for number, pattern in reversed(list(enumerate(patterns.tolist()))):  # whole items first
            rows = (group == number).nonzero().flatten()
            if len(rows) >= _MIN_GROUP:
                parts.append(self._of_group([each[rows] for each, has in zip(vectors, pattern) if has]) * len(rows))
                counts.append(len(rows))
        return torch.stack(parts).sum() / sum(counts)

    def _of_group(self, vectors: Sequence[Tensor]) -> Tensor:
        loss: Tensor = self.contrastive(*vectors)
        return loss if self.matching is None else loss + self.matching.weight * self.matching(*vectors)


def _widen(model: MultimodalModel, words: int) -> range:
    """Add words to the text encoder's vocabulary; return their numbers."""
    encoder = cast(TextEncoder, model.encoders["text"])
    old = encoder.embed
    wide = nn.Embedding(old.num_embeddings + words, old.embedding_dim)
    with torch.no_grad():
        wide.weight[: old.num_embeddings] = old.weight
    encoder.embed = wide
    return range(old.num_embeddings, wide.num_embeddings)


def coarse_text(whole: Int[Tensor, " digits"], label: str, kind: str, parity_words: Sequence[int]) -> Tensor:
    """Return the word numbers of a text: the whole number, its first digit's word, or the one for even or odd."""
    if kind == "first-digit":
        return whole[:1]
    return torch.full_like(whole[:1], parity_words[int(label) % 2]) if kind == "parity" else whole


def lacking(labels: Sequence[str], share: float) -> Bool[np.ndarray, " n"]:
    """Return which items lack the degraded modality; those that do at 30 % also do at 60 %."""
    drawn = [np.random.SeedSequence((_LACK_DRAW, int(label))).generate_state(1)[0] for label in labels]
    return np.array(drawn, dtype=np.float64) < share * 2.0**32


def text_kinds(run: RunConfig, seed: Sequence[int], count: int) -> list[str]:
    """Return the kind of each text of a batch: the run's, or drawn where they are mixed."""
    if run.text != MIXED:
        return [run.text] * count
    return [TEXTS[place] for place in np.random.default_rng(seed).integers(len(TEXTS), size=count)]
