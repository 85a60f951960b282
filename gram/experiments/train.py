"""The training of one run: the same for every model of every experiment."""

import numpy as np
import torch
from torch import Tensor

from gram.core.device import select_device
from gram.core.progress import Progress, no_progress
from gram.data.embedding_set import EmbeddingSet
from gram.experiments.config import DEGRADED, MIXED, TEXTS, Budget, RunConfig
from gram.experiments.data import Data
from gram.experiments.model import ExperimentModel, RunBatch, RunLoss, text_kinds
from gram.experiments.outcomes import Outcome
from gram.retrieval.evaluate import evaluate
from gram.training.trainer import Schedule, Trainer

_BLOCK = 256
_TEXT_DRAW, _NOISE_DRAW = 11, 12  # what a draw is for, so that texts and noise are drawn apart


def train_run(
    run: RunConfig, budget: Budget, data: Data, *, device: str = "cpu", progress: Progress = no_progress
) -> Outcome:
    """Return the outcome of a run: AdamW, a warm-up over 5 % of the steps, half a cosine down to 0.

    Nothing is chosen by the test items: their embeddings are kept at fixed steps and looked at afterwards.
    """
    spread = data.spread(DEGRADED) if run.degradation in ("noisy", "pure-noise") else 1.0
    chosen = select_device(device)
    model, loss = ExperimentModel(run, budget, spread=spread), RunLoss(run, budget)  # in this order: both draw weights
    model, loss = model.to(chosen), loss.to(chosen)
    pool = data.pool(run.modalities, run.seed, budget.numbers)
    labels = data.items["train"]["label"].to_numpy()
    steps, checkpoints = run.steps(budget), run.checkpoint_steps(budget)
    vectors: dict[int, dict[str, Tensor]] = {}
    validation: dict[int, float] = {}
    losses: list[float] = []

    def batch(step: int) -> RunBatch:
        rows = pool.rows(step, run.batch or budget.batch)
        kinds = text_kinds(run, (_TEXT_DRAW, run.seed, step), len(rows))
        seed = np.random.SeedSequence((_NOISE_DRAW, run.seed, step)).generate_state(1)[0]
        noise = torch.Generator().manual_seed(int(seed))
        return model.batch(pool.examples, rows.tolist(), labels[rows].tolist(), kinds, noise)

    def record(trainer: Trainer) -> None:
        if trainer.step:
            losses.append(trainer.last_loss)
            progress(trainer.step / steps, str(run))
        if trainer.step in checkpoints:
            vectors[trainer.step] = _embedded(model, data, "test")
            validation[trainer.step] = _recall(model, data)

    trainer = Trainer(model, loss, batch, Schedule(steps=steps, learning_rate=budget.learning_rate), callbacks=[record])
    trainer.fit()
    return Outcome(
        run=run,
        steps=tuple(checkpoints),
        vectors=vectors,
        items=data.items["test"],
        losses=tuple(losses),
        validation=validation,
        temperature=trainer.temperature,
        seconds=round(trainer.seconds, 3),
        matching=None if loss.matching is None else loss.matching.cpu(),
    )


@torch.no_grad()
def _embedded(model: ExperimentModel, data: Data, part: str) -> dict[str, Tensor]:
    """Return float16 embeddings of a part of the items, with the texts of every kind the run knows."""
    model.eval()
    labels = data.items[part]["label"].tolist()
    noise = torch.Generator().manual_seed(_NOISE_DRAW)
    first, *others = TEXTS if model.run.text == MIXED else (model.run.text,)
    parts: dict[str, list[Tensor]] = {}
    for start in range(0, len(labels), _BLOCK):
        rows = range(start, min(start + _BLOCK, len(labels)))
        given = {
            kind: model.batch(data.examples[part], rows, labels[start : rows.stop], [kind] * len(rows), noise)
            for kind in (first, *others)
        }
        found = model(given[first])
        for kind in others:
            found[f"text:{kind}"] = model.model({"text": given[kind].inputs["text"]})["text"]
        for name, block in found.items():
            parts.setdefault(name, []).append(block.cpu())
    return {name: torch.cat(blocks).half() for name, blocks in parts.items()}


def _recall(model: ExperimentModel, data: Data) -> float:
    """Return R@1 of the validation items by the run's own measure, text asking the rest."""
    run, vectors = model.run, _embedded(model, data, "validation")
    kept = {name: vectors[name] for name in run.modalities}
    report = evaluate(EmbeddingSet(kept, data.items["validation"]), "text", run.candidates, run.measure)
    return report.recall[1]
