"""The training loop: the built-in model under one loss, resumable, on one CPU, one GPU or several."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import gram
from gram.core.device import select_device
from gram.datasets.spoken_numbers.voices import Voice
from gram.losses import LOSSES, MEASURES
from gram.models import Batch, MultimodalModel, save_model
from gram.retrieval.evaluate import evaluate
from gram.training.optim import lr_factor, optimizer_of, optimizer_step
from gram.training.over_ranks import normalized_over_ranks, padded_over_ranks
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import embed_prepared, half_precision, prepare_items, split_items
from gram.training.spoken_numbers.pool import TrainingPool, render_pool

Items = tuple[pd.DataFrame, dict[str, list[Tensor]]]
Report = Callable[[str, int, int, Mapping[str, float]], None]  # (phase, done, all, numbers to show)


class Objective(nn.Module):
    """The model and its loss as one module, so that their parameters are trained and averaged together."""

    def __init__(self, config: TrainingConfig, *, distributed: bool) -> None:
        super().__init__()
        self.model = MultimodalModel(config.model)
        self.loss = LOSSES[config.loss](
            temperature=config.temperature, label_smoothing=config.label_smoothing, gather=distributed, ddp=distributed
        )

    def forward(self, batches: Mapping[str, Batch]) -> Tensor:
        """Return the loss of one batch, the first modality as anchor."""
        anchor, *others = self.model(batches).values()
        return self.loss(anchor, *others)


def train(
    config: TrainingConfig,
    out: str | Path,
    *,
    device: str = "auto",
    extra_voices: Sequence[Voice] = (),
    resume: bool = False,
    report: Report = lambda *_: None,
) -> MultimodalModel:
    """Train a model and write `model/`, `trajectory/` and `log.jsonl` under `out`; return it.

    On the CPU the same config gives the same weights. On CUDA the encoders run in bfloat16. Started by `torchrun`, the
    batch is shared out over the processes and the gradient is that of one process with the whole batch.

    Args:
        config: the settings of the run.
        out: the folder to write.
        device: auto, cpu or cuda.
        extra_voices: voices that join training beside the packed ones.
        resume: go on from the last saved state in `out`, if there is one.
        report: called with a phase, what is done, what there is to do, and numbers to show.

    Raises:
        ModelError: if the device is not at hand.
        ValueError: if the batch cannot be shared out evenly, or `out` holds the state of another run.
    """
    return _Run(config, Path(out), device, extra_voices, report).go(resume=resume)


class _Run:
    def __init__(
        self, config: TrainingConfig, out: Path, device: str, extra_voices: Sequence[Voice], report: Report
    ) -> None:
        self.config, self.out, self.extra_voices = config, out, extra_voices
        self.rank, self.world = dist.get_rank() if dist.is_initialized() else 0, 1
        if dist.is_initialized():
            self.world = dist.get_world_size()
        if config.batch_size % self.world:
            raise ValueError(f"batch_size {config.batch_size} must be a multiple of the {self.world} processes")
        self.report = report if self.rank == 0 else lambda *_: None
        self.device = select_device(device)
        if self.device.type == "cuda" and dist.is_initialized():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.manual_seed(config.seed)
        self.objective = Objective(config, distributed=self.world > 1).to(self.device)
        self.optimizer = optimizer_of(self.objective.parameters(), config.learning_rate, config.weight_decay)
        self.step, self.seconds = 0, 0.0

    def go(self, *, resume: bool) -> MultimodalModel:
        self.out.mkdir(parents=True, exist_ok=True)
        if resume and self._state_path.is_file():
            self._load_state()
        elif self.rank == 0:
            self._log_path.unlink(missing_ok=True)
        validation = self._prepared(split_items("validation"))
        trajectory = self._prepared(split_items("test").iloc[: self.config.trajectory_items])
        pool = render_pool(
            self.objective.model,
            renderings=self.config.renderings,
            seed=self.config.seed,
            extra_voices=self.extra_voices,
            robust=self.config.robust,
            processes=max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))),
            progress=lambda done, whole: self.report("rendering", done, whole, {}),
        )
        self._loop(pool, validation, trajectory)
        if self.rank == 0:
            save_model(self.objective.model, self.out / "model")
            self._state_path.unlink(missing_ok=True)
        return self.objective.model.eval()

    def _prepared(self, items: pd.DataFrame) -> Items:
        return items, prepare_items(self.objective.model, items)

    def _loop(self, pool: TrainingPool, validation: Items, trajectory: Items) -> None:
        trained: nn.Module = self.objective
        if self.world > 1:
            trained = DistributedDataParallel(normalized_over_ranks(self.objective))
        checkpoints, evaluations = set(self.config.checkpoint_steps()), self.config.evaluation_steps()
        if self.step == 0:
            self._snapshot(trajectory)
        while self.step < self.config.steps:
            started = time.monotonic()
            loss = self._one_step(trained, pool)
            self.seconds += time.monotonic() - started
            temperature = float(self.objective.loss.temperature.detach())
            self.report("training", self.step, self.config.steps, {"loss": loss, "temperature": temperature})
            if self.step in checkpoints:
                self._snapshot(trajectory)
            if self.step in evaluations:
                self._evaluate(validation, loss)

    def _one_step(self, trained: nn.Module, pool: TrainingPool) -> float:
        rows = pool.rows(self.step, self.config.batch_size)[self.rank :: self.world]
        batches = pool.batch(rows, self.device, step=self.step, varied=self.config.share_varied(self.step))
        if self.world > 1:
            batches = padded_over_ranks(batches)
        trained.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = trained(batches)
        rate = self.config.learning_rate * lr_factor(self.step, self.config.steps, self.config.warmup)
        optimizer_step(self.objective.parameters(), loss, self.optimizer, rate)
        self.step += 1
        return float(loss.detach())

    def _snapshot(self, items: Items) -> None:
        if self.rank == 0:
            info = {"model": self.config.loss, "step": self.step, "steps": self.config.steps}
            snapshot = embed_prepared(self.objective.model, *items, info=info)
            half_precision(snapshot).save(self.out / "trajectory" / f"step-{self.step:06d}")

    def _evaluate(self, items: Items, loss: float) -> None:
        if self.rank == 0:
            validation = embed_prepared(self.objective.model, *items)
            native = MEASURES[self.config.loss]
            others = [name for name in validation.modalities if name != "text"]
            found = {
                f"{measure}_r1": evaluate(validation, query="text", candidates=others, measure=measure).recall[1]
                for measure in dict.fromkeys(("volume", "height", "cosine", "centroid", native))
            }
            line = {"step": self.step, "loss": loss, "seconds": round(self.seconds, 1), **found}
            with self._log_path.open("a") as log:
                log.write(json.dumps(line) + "\n")
            self.report("validation", self.step, self.config.steps, {"R@1": found[f"{native}_r1"]})
            self._save_state()

    @property
    def _state_path(self) -> Path:
        return self.out / "state.pt"

    @property
    def _log_path(self) -> Path:
        return self.out / "log.jsonl"

    def _save_state(self) -> None:
        self.objective.model.info = self._info()
        save_model(self.objective.model, self.out / "model")
        state = {
            "config": json.dumps(asdict(self.config)),
            "step": self.step,
            "seconds": self.seconds,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        staged = self._state_path.with_suffix(".new")
        torch.save(state, staged)
        staged.replace(self._state_path)

    def _load_state(self) -> None:
        state = torch.load(self._state_path, map_location=self.device, weights_only=True)
        if state["config"] != json.dumps(asdict(self.config)):
            raise ValueError(f"{self._state_path} is the state of a run with other settings; choose another folder")
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def _info(self) -> dict[str, Any]:
        gpu = self.device.type == "cuda"
        return {
            **{key: value for key, value in asdict(self.config).items() if key != "model"},
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "device": torch.cuda.get_device_name(self.device) if gpu else f"cpu ({torch.get_num_threads()} threads)",
            "processes": self.world,
            "learned_temperature": float(self.objective.loss.temperature.detach()),
            "voices": sorted({voice.name for voice in self.extra_voices}),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "gram": gram.__version__,
        }
