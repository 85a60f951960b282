"""Training of the built-in model under one loss: resumable, on one CPU, one GPU or several."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import gram
from gram.core.device import select_device
from gram.core.progress import Progress, no_progress, subprogress
from gram.datasets.spoken_numbers.voices import Voice
from gram.losses import LOSSES, MEASURES
from gram.models import Batch, MultimodalModel, save_model
from gram.retrieval.evaluate import evaluate
from gram.training.processes import pad_to_longest, rank, world_size
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import embed_examples, half_precision, split_items
from gram.training.spoken_numbers.pool import TrainingPool, render_examples, render_pool
from gram.training.trainer import Callback, Schedule, Trainer, read_state

Items = tuple[pd.DataFrame, list[dict[str, np.ndarray]]]  # recipes, and the encoder inputs of each
_RENDERING = 0.1  # share of the progress


def train(
    config: TrainingConfig,
    out: str | Path,
    *,
    device: str = "auto",
    extra_voices: Sequence[Voice] = (),
    resume: bool = False,
    progress: Progress = no_progress,
    callbacks: Sequence[Callback] = (),
) -> MultimodalModel:
    """Train a model and write `model/`, `trajectory/` and `log.jsonl` under `out`; return it.

    On the CPU the same config gives the same weights. On CUDA the encoders run in bfloat16. Started by `torchrun`, the
    batch is split over the processes and the gradient is that of one process with the whole batch.

    Args:
        config: settings of the run.
        out: folder to write.
        device: auto, cpu or cuda.
        extra_voices: voices used in addition to the packed ones.
        resume: resume from the last saved state in `out`, if there is one.
        progress: called with the share done and the stage, in the first process only.
        callbacks: called with the trainer before the first step and after each.

    Raises:
        DeviceError: the device is not available.
        GramError: the loss is no longer finite.
        ValueError: the batch cannot be split evenly, or `out` holds the state of another run.
    """
    if config.batch_size % world_size():
        raise ValueError(f"batch_size {config.batch_size} must be a multiple of the {world_size()} processes")
    out, chosen = Path(out), _device(device)
    progress = progress if rank() == 0 else no_progress
    torch.manual_seed(config.seed)
    model = MultimodalModel(config.model).to(chosen)
    shared = world_size() > 1
    loss = LOSSES[config.loss](
        temperature=config.temperature, label_smoothing=config.label_smoothing, gather=shared, ddp=shared
    ).to(chosen)
    out.mkdir(parents=True, exist_ok=True)
    settings, state_path = json.dumps(asdict(config)), out / "state.pt"
    state = read_state(state_path, settings, chosen) if resume and state_path.is_file() else None
    if state is None and rank() == 0:
        (out / "log.jsonl").unlink(missing_ok=True)
    record = _Record(config, out, model, sorted({voice.name for voice in extra_voices}), progress)
    pool = render_pool(
        model,
        renderings=config.renderings,
        seed=config.seed,
        extra_voices=extra_voices,
        robust=config.robust,
        processes=max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))),
        progress=subprogress(progress, 0.0, _RENDERING),
    )
    named = ("steps", "learning_rate", "warmup", "weight_decay")
    schedule = Schedule(**{name: getattr(config, name) for name in named})
    trainer = Trainer(model, loss, _batches(config, pool, chosen), schedule, callbacks=(*callbacks, record))
    if state is not None:
        trainer.load_state(state)
    trainer.fit()
    if rank() == 0:
        save_model(model, out / "model")
        state_path.unlink(missing_ok=True)
    return model.eval()


def _device(device: str) -> torch.device:
    chosen = select_device(device)
    if chosen.type == "cuda" and world_size() > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return chosen


def _batches(config: TrainingConfig, pool: TrainingPool, device: torch.device) -> Callable[[int], dict[str, Batch]]:
    def batch(step: int) -> dict[str, Batch]:
        rows = pool.rows(step, config.batch_size)[rank() :: world_size()]
        return pad_to_longest(pool.batch(rows, device, step=step, varied=config.share_varied(step)))

    return batch


class _Record:
    """Writes the trajectory, the log, the model and the state to resume from."""

    def __init__(
        self, config: TrainingConfig, out: Path, model: MultimodalModel, voices: Sequence[str], progress: Progress
    ) -> None:
        self.config, self.out, self.model, self.voices = config, out, model, list(voices)
        self.progress = subprogress(progress, _RENDERING, 1.0)
        self.checkpoints, self.evaluations = {0, *config.checkpoint_steps()}, config.evaluation_steps()
        self.validation = self._prepared(split_items("validation"))
        self.trajectory = self._prepared(split_items("test").iloc[: config.trajectory_items])
        self.recall = ""

    def _prepared(self, items: pd.DataFrame) -> Items:
        return items, list(render_examples(self.model, items, processes=1))

    def __call__(self, trainer: Trainer) -> None:
        """Report the step; save the embeddings at checkpoints, and the model, the log and the state at evaluations."""
        if rank() != 0:
            return
        if trainer.step in self.checkpoints:
            info = {"model": self.config.loss, "step": trainer.step, "steps": self.config.steps}
            snapshot = embed_examples(self.model, *self.trajectory, info=info)
            half_precision(snapshot).save(self.out / "trajectory" / f"step-{trainer.step:06d}")
        if trainer.step in self.evaluations:
            self._evaluate(trainer)
        if trainer.step:
            shown = f"training: loss {trainer.last_loss:.3g}, temperature {trainer.temperature:.3g}{self.recall}"
            self.progress(trainer.step / self.config.steps, shown)

    def _evaluate(self, trainer: Trainer) -> None:
        validation = embed_examples(self.model, *self.validation)
        own = MEASURES[self.config.loss]
        recalls = {
            f"{measure}_r1": evaluate(validation, measure=measure).recall[1]
            for measure in dict.fromkeys(("volume", "height", "cosine", "centroid", own))
        }
        self.recall = f", R@1 {100 * recalls[f'{own}_r1']:.1f} %"
        line = {"step": trainer.step, "loss": trainer.last_loss, "seconds": round(trainer.seconds, 1), **recalls}
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.model.info = self._info(trainer)
        save_model(self.model, self.out / "model")
        trainer.save_state(self.out / "state.pt", json.dumps(asdict(self.config)))

    def _info(self, trainer: Trainer) -> dict[str, Any]:
        device = trainer.device
        gpu = device.type == "cuda"
        return {
            **{key: value for key, value in asdict(self.config).items() if key != "model"},
            "step": trainer.step,
            "seconds": round(trainer.seconds, 1),
            "device": torch.cuda.get_device_name(device) if gpu else f"cpu ({torch.get_num_threads()} threads)",
            "processes": world_size(),
            "learned_temperature": trainer.temperature,
            "voices": self.voices,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "gram": gram.__version__,
        }
