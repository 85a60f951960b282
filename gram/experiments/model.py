"""The model of a run with its loss: encoders, what makes a modality unequal, and what the text names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from gram.experiments.runs import DEGRADED, MIXED, TEXTS, Budget, RunConfig
from gram.losses import LOSSES, AnchorMatching
from gram.models import Batch, MultimodalModel, collate
from gram.models.encoders import TextEncoder
from gram.models.multimodal import ModelConfig

NARROW = 8  # dimensions of the bottleneck
NOISE = 2.0  # standard deviations of a modality's inputs
_LEAST = 2  # items of a group: one alone has nothing to be told from
_LACK_DRAW = 30  # sets the draw of who lacks a modality apart from others


class ExperimentModel(nn.Module):
    """A run's encoders, loss and matching head as one module, drawn by the run's seed.

    Two arms of a seed that differ in loss, temperature, degradation or text start from the same encoders.
    """

    def __init__(self, run: RunConfig, budget: Budget, *, spread: float = 1.0) -> None:
        super().__init__()
        self.run, self.spread = run, spread
        torch.manual_seed(run.seed)
        d = run.width(budget)
        self.model = MultimodalModel(ModelConfig(**{**vars(budget.model), "d": d}))
        given: dict[str, Any] = (
            {} if run.temperature is None else {"temperature": run.temperature, "learn_temperature": False}
        )
        self.loss = LOSSES[run.loss](**given)
        self.narrow = nn.Sequential(nn.Linear(d, NARROW), nn.Linear(NARROW, d)) if run.degradation == "narrow" else None
        self.matching = AnchorMatching(d, len(run.modalities), seed=run.seed) if run.matching else None
        if run.text != TEXTS[0]:
            self.parity_words = _widen(self.model, 2)

    def embed(
        self, batches: Mapping[str, Batch], there: Bool[Tensor, " b"], noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Return unit vectors (b, d) of each modality; rows of NaN where an item lacks the degraded one.

        Args:
            batches: the inputs; the degraded modality's are of the items that have it.
            there: which these are.
            noise: draws the noise.
        """
        vectors = {}
        for name, batch in batches.items():
            degraded = name == DEGRADED and self.run.degradation != "none"
            hidden = self.model.encoders[name](self._noised(batch, noise) if degraded else batch).float()
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

    def value(self, vectors: Mapping[str, Tensor], there: Bool[Tensor, " b"]) -> Tensor:
        """Return the loss of a batch: the mean over items that have the same modalities, in groups, by their number.

        An item that lacks a modality takes part with those it has, under every loss alike.
        """
        if bool(there.all()):
            return self._of_group(list(vectors.values()))
        parts, counts = [], []
        for group, names in ((there, list(vectors)), (~there, [name for name in vectors if name != DEGRADED])):
            rows = group.nonzero().flatten().to(next(iter(vectors.values())).device)
            if len(rows) >= _LEAST:
                parts.append(self._of_group([vectors[name][rows] for name in names]) * len(rows))
                counts.append(len(rows))
        return torch.stack(parts).sum() / sum(counts)

    def _of_group(self, vectors: Sequence[Tensor]) -> Tensor:
        loss: Tensor = self.loss(*vectors)
        if self.matching is not None:
            loss = loss + self.matching.weight * self.matching(*vectors)
        return loss

    def _noised(self, batch: Batch, noise: torch.Generator) -> Batch:
        if self.run.degradation not in ("noisy", "pure-noise"):
            return batch
        values, lengths = batch
        if self.run.degradation == "pure-noise":
            values = torch.zeros_like(values)  # pictures are all of one size, so that nothing of the item is left
        drawn = torch.randn(values.shape, generator=noise).to(values)
        return Batch(values + NOISE * self.spread * drawn, lengths)


def _widen(model: MultimodalModel, words: int) -> range:
    """Give the text encoder further words, and return their numbers."""
    encoder = cast(TextEncoder, model.encoders["text"])
    old = encoder.embed
    wide = nn.Embedding(old.num_embeddings + words, old.embedding_dim)
    with torch.no_grad():
        wide.weight[: old.num_embeddings] = old.weight
    encoder.embed = wide
    return range(old.num_embeddings, wide.num_embeddings)


def coarse_text(whole: Int[Tensor, " digits"], label: str, kind: str, parity_words: Sequence[int]) -> Tensor:
    """Return the word numbers of a text that names a part of a number.

    Args:
        whole: the word numbers of the number itself.
        label: the number, such as "4721".
        kind: "whole", "first-digit" (its first word alone), or "parity" (one word, for even or odd).
        parity_words: the numbers of these two.
    """
    if kind == "first-digit":
        return whole[:1]
    return torch.full_like(whole[:1], parity_words[int(label) % 2]) if kind == "parity" else whole


def lacking(labels: Sequence[str], share: float) -> Bool[np.ndarray, " n"]:
    """Return which items lack the degraded modality: by number, so that who lacks it at 30 % does at 60 % too."""
    drawn = [np.random.SeedSequence((_LACK_DRAW, int(label))).generate_state(1)[0] for label in labels]
    return np.array(drawn, dtype=np.float64) < share * 2.0**32


def text_kinds(run: RunConfig, seed: Sequence[int], count: int) -> list[str]:
    """Return what the texts of a batch name: the run's kind, or one drawn for each where they are mixed."""
    if run.text != MIXED:
        return [run.text] * count
    return [TEXTS[place] for place in np.random.default_rng(seed).integers(len(TEXTS), size=count)]


def inputs(
    model: ExperimentModel,
    examples: Callable[[str, int], Tensor],
    rows: Sequence[int],
    labels: Sequence[str],
    kinds: Sequence[str],
    device: torch.device,
) -> tuple[dict[str, Batch], Bool[Tensor, " b"]]:
    """Return the inputs of `ExperimentModel.embed`: padded batches, and which items have the degraded modality.

    Args:
        model: whose run says which modalities, and what is missing.
        examples: the example of a modality in a row.
        rows: those of the batch.
        labels: their numbers.
        kinds: what their texts name.
        device: where to.
    """
    there = torch.from_numpy(~lacking(labels, model.run.missing))
    batches = {}
    for name in model.run.modalities:
        wanted = [row for row, has in zip(rows, there.tolist()) if has or name != DEGRADED]
        found = [examples(name, int(row)) for row in wanted]
        if name == "text" and model.run.text != TEXTS[0]:
            found = [
                coarse_text(text, label, kind, model.parity_words) for text, label, kind in zip(found, labels, kinds)
            ]
        if found:
            batches[name] = collate([example.float() for example in found]).to(device)
    return batches, there
