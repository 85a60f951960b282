"""The training loop: optimizer steps and callbacks; resumable, in one process or several."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gram.errors import GramError
from gram.training.processes import synchronize_batch_norm, world_size

MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """AdamW and its learning rate: a linear warm-up, then half a cosine down to 0.

    Attributes:
        steps: number of batches.
        learning_rate: peak value.
        warmup: share of the steps over which it rises.
        weight_decay: on matrices only, not on biases, norms and temperatures.
    """

    steps: int
    learning_rate: float
    warmup: float = 0.05
    weight_decay: float = 0.01

    def lr_factor(self, step: int) -> float:
        """Return the factor of the learning rate at a step, counted from 0."""
        share = (step + 1) / self.steps
        if share < self.warmup:
            return share / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (share - self.warmup) / (1 - self.warmup)))

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.AdamW:
        """Return AdamW over parameters."""
        known = list(parameters)
        matrices, vectors = [p for p in known if p.ndim > 1], [p for p in known if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.learning_rate)


class Objective(nn.Module):
    """A model and its loss as one module, whose parameters are trained, averaged and saved together."""

    def __init__(self, model: nn.Module, loss: nn.Module) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: Any) -> Tensor:
        """Return the loss of a batch; the model maps it to modality -> vectors (b, d), the anchor first."""
        loss: Tensor = self.loss(*self.model(batch).values())
        return loss


class Trainer:
    """The training loop. If a batch depends on its step only, a resumed run equals an uninterrupted one.

    In a process group (`torch.distributed`), the gradient is that of one process with the whole batch: gradients are
    averaged, batch normalisation uses the statistics of all processes, and `loss` gathers the items of all.

    Attributes:
        objective: model and loss.
        step: number of steps made.
        last_loss: loss of the last step; NaN before the first.
        seconds: time spent in steps, callbacks excluded.
        stopped: whether `stop` was called.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        batches: Callable[[int], Any],
        schedule: Schedule,
        *,
        callbacks: "Sequence[Callback]" = (),
        clipped: Iterable[nn.Parameter] | None = None,
        autocast: bool = True,
    ) -> None:
        """Prepare the optimizer; nothing is trained yet.

        Args:
            model: maps a batch to modality -> vectors (b, d), the anchor first; it is on its device.
            loss: takes these vectors.
            batches: returns the batch of a step, on the model's device.
            schedule: of the optimizer.
            callbacks: called in order before the first step and after each; an exception ends the training.
            clipped: parameters whose joint gradient is clipped to a norm of 1; all by default.
            autocast: whether the forward pass runs in bfloat16 on CUDA.
        """
        self.objective = Objective(model, loss)
        self.batches, self.schedule, self.callbacks = batches, schedule, callbacks
        self.optimizer = schedule.optimizer(self.objective.parameters())
        self.step, self.last_loss, self.seconds, self.stopped = 0, math.nan, 0.0, False
        self._clipped = list(self.objective.parameters() if clipped is None else clipped)
        self._autocast = autocast
        self._trained: nn.Module = self.objective
        if world_size() > 1:
            self._trained = DistributedDataParallel(synchronize_batch_norm(self.objective))

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.objective.parameters()).device

    @property
    def temperature(self) -> float:
        """Temperature of the loss."""
        return float(self.objective.loss.temperature.detach())  # type: ignore[operator]  # a loss has one

    def stop(self) -> None:
        """End the training after the callbacks of this step."""
        self.stopped = True

    def fit(self) -> None:
        """Train up to the last step, or until `stop`.

        Raises:
            GramError: the loss is no longer finite.
        """
        if self.step == 0:
            self._call_back()
        while self.step < self.schedule.steps and not self.stopped:
            begun = time.monotonic()
            self.last_loss = self._one_step()
            self.step += 1
            self.seconds += time.monotonic() - begun
            self._call_back()

    def _call_back(self) -> None:
        for callback in self.callbacks:
            callback(self)

    def _one_step(self) -> float:
        batch = self.batches(self.step)
        self._trained.train()
        cuda = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=cuda and self._autocast):
            loss: Tensor = self._trained(batch)
        if not torch.isfinite(loss):
            raise GramError(f"the loss is not finite at step {self.step + 1}: take a lower learning rate")
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate * self.schedule.lr_factor(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._clipped, MAX_GRADIENT_NORM)
        self.optimizer.step()
        return float(loss.detach())

    def save_state(self, path: Path, settings: str) -> None:
        """Write the state that `load_state` resumes from, atomically; `settings` identify the run."""
        state = {
            "config": settings,
            "step": self.step,
            "seconds": self.seconds,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        staged = path.with_suffix(".new")
        torch.save(state, staged)
        staged.replace(path)

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from a state that `read_state` returned."""
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]


Callback = Callable[[Trainer], None]


def read_state(path: Path, settings: str, device: torch.device) -> dict[str, Any]:
    """Return the state that `Trainer.save_state` wrote.

    Raises:
        ValueError: the state is of a run with other settings.
    """
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if state["config"] != settings:
        raise ValueError(f"{path} is the state of a run with other settings; choose another folder")
    return state
