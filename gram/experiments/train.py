"""The training of one run: the same loop for every model of every experiment."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gram.core.device import select_device
from gram.data.embedding_set import EmbeddingSet
from gram.experiments.data import Data
from gram.experiments.model import ExperimentModel, inputs, text_kinds
from gram.experiments.outcomes import Outcome, half
from gram.experiments.runs import DEGRADED, TEXTS, Budget, RunConfig
from gram.retrieval.evaluate import evaluate
from gram.training.optim import lr_factor, optimizer_of, optimizer_step

WARMUP, WEIGHT_DECAY = 0.05, 0.01
_BLOCK = 256
_TEXT_DRAW, _NOISE_DRAW = 11, 12  # what a draw is for, so that texts and noise are drawn apart


def train_run(
    run: RunConfig,
    budget: Budget,
    data: Data,
    *,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Return the outcome of a run: AdamW, a warm-up over 5 % of the steps, half a cosine down to 0.

    Nothing is chosen by the test items: their embeddings are kept at fixed steps and looked at afterwards.

    Args:
        run: what is trained.
        budget: of each run.
        data: the items of that budget.
        device: auto, cpu or cuda; on cuda the encoders run in bfloat16.
        progress: called with the steps done, and of how many.

    Raises:
        ModelError: no such device.
    """
    place = select_device(device)
    spread = data.spread(DEGRADED) if run.degradation in ("noisy", "pure-noise") else 1.0
    model = ExperimentModel(run, budget, spread=spread).to(place)
    optimizer = optimizer_of(model.parameters(), budget.learning_rate, WEIGHT_DECAY)
    pool = data.pool(run.modalities, run.seed, budget.numbers)
    labels = data.items["train"]["label"].to_numpy()
    steps, checkpoints = run.steps(budget), run.checkpoint_steps(budget)
    vectors, validation, losses = {}, {}, []
    started, idle = time.monotonic(), 0.0
    for step in range(steps + 1):
        if step in checkpoints:
            begun = time.monotonic()
            vectors[step] = _embedded(model, data, "test", place)
            validation[step] = _recall(model, data, place)
            idle += time.monotonic() - begun
        if step == steps:
            break
        rows = pool.rows(step, run.batch or budget.batch)
        rate = budget.learning_rate * lr_factor(step, steps, WARMUP)
        losses.append(_step(model, optimizer, pool.examples, rows.tolist(), labels[rows].tolist(), step, rate, place))
        if progress is not None:
            progress(step + 1, steps)
    return Outcome(
        run=run,
        steps=tuple(checkpoints),
        vectors=vectors,
        items=data.items["test"],
        losses=tuple(losses),
        validation=validation,
        temperature=float(model.loss.temperature.detach()),
        seconds=round(time.monotonic() - started - idle, 3),
        matching=None if model.matching is None else model.matching.cpu(),
    )


def _step(
    model: ExperimentModel,
    optimizer: torch.optim.Optimizer,
    examples: Mapping[str, Sequence[Tensor]],
    rows: Sequence[int],
    labels: Sequence[str],
    step: int,
    rate: float,
    device: torch.device,
) -> float:
    """Learn from one batch and return its loss."""
    model.train()
    kinds = text_kinds(model.run, (_TEXT_DRAW, model.run.seed, step), len(rows))
    batches, there = inputs(model, lambda name, row: examples[name][row], rows, labels, kinds, device)
    noise = torch.Generator().manual_seed(
        int(np.random.SeedSequence((_NOISE_DRAW, model.run.seed, step)).generate_state(1)[0])
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        vectors = model.embed(batches, there, noise)
        loss = model.value(vectors, there)
    optimizer_step(model.parameters(), loss, optimizer, rate)
    return float(loss.detach())


@torch.no_grad()
def _embedded(model: ExperimentModel, data: Data, part: str, device: torch.device) -> dict[str, Tensor]:
    """Return the kept form of the embeddings of a part of the items, with the texts of every kind the run knows."""
    model.eval()
    labels = data.items[part]["label"].tolist()
    noise = torch.Generator().manual_seed(_NOISE_DRAW)
    kinds = TEXTS if model.run.text == "mixed" else (model.run.text,)
    parts: dict[str, list[Tensor]] = {}
    for start in range(0, len(labels), _BLOCK):
        rows = list(range(start, min(start + _BLOCK, len(labels))))
        for kind in kinds:
            own = labels[rows[0] : rows[-1] + 1]
            batches, there = inputs(
                model, lambda name, row: data.examples[part][name][row], rows, own, [kind] * len(rows), device
            )
            if kind != kinds[0]:
                batches = {"text": batches["text"]}
                unit = torch.nn.functional.normalize(model.model.encoders["text"](batches["text"]).float(), dim=-1)
                found = {f"text:{kind}": unit}
            else:
                found = model.embed(batches, there, noise)
            for name, rows_of in found.items():
                parts.setdefault(name, []).append(rows_of.cpu())
    return {name: half(torch.cat(blocks)) for name, blocks in parts.items()}


def _recall(model: ExperimentModel, data: Data, device: torch.device) -> float:
    """Return R@1 of the validation items by the run's own measure, text asking the rest."""
    vectors = _embedded(model, data, "validation", device)
    kept = {name: vectors[name] for name in model.run.modalities}
    found = evaluate(EmbeddingSet(kept, data.items["validation"]), "text", model.run.candidates, model.run.measure)
    return found.recall[1]
