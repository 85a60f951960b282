"""Configurations of runs, and the budgets within which they are trained."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from gram.datasets.spoken_numbers import MODALITIES
from gram.losses import LOSSES, MEASURES
from gram.models import ModelConfig

FORMAT = 1  # of what a run keeps and a table holds; another one makes every run and quick result new
COMPARED = ("gram", "cosine")  # the two losses that every experiment compares
TEXTS = ("whole", "first-digit", "parity")
MIXED = "mixed"
DEGRADED = "image"  # the modality that is made unequal: one that text finds its items by under every loss
DEGRADATIONS = ("none", "narrow", "noisy", "pure-noise", "missing-30", "missing-60", "missing-90")


@dataclass(frozen=True)
class Budget:
    """The size of the experiments: encoders, items, training steps, seeds.

    Attributes:
        name: quick, cpu or full.
        model: the encoders; its `d` is that of every run that does not vary it.
        steps: batches a run learns from, at `batch` items each; runs of another batch see as many items.
        batch: items of a batch.
        learning_rate: its highest value, the same for every loss.
        numbers: training numbers.
        renderings: how often each is rendered.
        validation: items that are ranked as training goes on; the test items are only reported on.
        test: test items.
        checkpoints: how many embeddings of the test items a run keeps, the untrained ones included.
        seeds: of the two losses that several experiments share.
        few_seeds: of every other run.
        widths: of the shared space, beside the model's own.
        temperatures: fixed ones, beside the learned one.
        batches: sizes beside `batch`.
        seconds: about how long a run of all modalities takes on one thread (on the GPU for `full`), to tell the time
            left before anything is known.
        overhead: about how many seconds an experiment's measuring takes.
    """

    name: str
    model: ModelConfig
    steps: int
    batch: int
    learning_rate: float
    numbers: int
    renderings: int
    validation: int
    test: int
    checkpoints: int
    seeds: int
    few_seeds: int
    widths: tuple[int, ...]
    temperatures: tuple[float, ...]
    batches: tuple[int, ...]
    seconds: float
    overhead: float

    @property
    def items(self) -> int:
        """How many items there are in all."""
        return self.numbers * self.renderings + self.validation + self.test

    def with_seeds(self, seeds: int | None) -> "Budget":
        """Return the budget with so many seeds for every run; as it is for None."""
        return self if seeds is None else replace(self, seeds=seeds, few_seeds=seeds)


BUDGETS = {
    "quick": Budget(
        name="quick",
        model=ModelConfig(
            d=16, text_width=8, image_channels=2, audio_channels=12, audio_width=8, speech_strides=(4, 4),
            tones_strides=(4, 4),
        ),
        steps=6, batch=24, learning_rate=5e-3, numbers=144, renderings=1, validation=24, test=64, checkpoints=3,
        seeds=2, few_seeds=2, widths=(4,), temperatures=(0.5,), batches=(12,), seconds=0.3, overhead=2.0,
    ),
    "cpu": Budget(
        name="cpu",
        model=ModelConfig(
            d=64, text_width=64, image_channels=12, audio_channels=48, audio_width=48, tones_strides=(2, 2, 2)
        ),
        steps=200, batch=128, learning_rate=2e-3, numbers=6000, renderings=1, validation=500, test=1000, checkpoints=6,
        seeds=5, few_seeds=3, widths=(4, 16, 512), temperatures=(0.01, 0.03, 0.07, 0.2, 0.5), batches=(32, 256),
        seconds=55.0, overhead=40.0,
    ),
    "full": Budget(
        name="full",
        model=ModelConfig(),
        steps=1500, batch=256, learning_rate=2e-3, numbers=6000, renderings=8, validation=1000, test=2000,
        checkpoints=12, seeds=5, few_seeds=5, widths=(4, 8, 16, 32, 64, 256, 512),
        temperatures=(0.01, 0.03, 0.1, 0.2, 0.5), batches=(32, 64, 128, 512), seconds=60.0, overhead=120.0,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class RunConfig:
    """The configuration of one run. Runs of a budget that differ in one field differ in nothing else.

    The seed determines the initial weights and the order of the batches; the items are the same for all runs.

    Attributes:
        loss: one of `gram.losses.LOSSES`.
        seed: see above.
        modalities: those trained on, the anchor "text" first.
        d: dimensions of the shared space; None for the budget's.
        temperature: a fixed one; None for the loss's own start, learned where the loss learns it.
        batch: items of a batch; None for the budget's. The items seen in all stay the same, so the steps change.
        degradation: one of DEGRADATIONS, done to the modality DEGRADED in training and in the test: "narrow" passes its
            embedding through 8 dimensions, "noisy" adds Gaussian noise of twice its inputs' spread, "pure-noise" puts
            such noise in their place, "missing-30" takes it from 30 % of the items.
        text: what a text names: "whole" (the number), "first-digit", "parity" (odd or even), or "mixed", one of the
            three drawn for each item of each batch.
        matching: whether the matching head, `gram.losses.AnchorMatching`, is trained beside the loss, at weight 0.1.

    Raises:
        ValueError: a field has no such value; the message names those it has.
    """

    loss: str
    seed: int
    modalities: tuple[str, ...] = MODALITIES
    d: int | None = None
    temperature: float | None = None
    batch: int | None = None
    degradation: str = "none"
    text: str = "whole"
    matching: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("loss", LOSSES), ("degradation", DEGRADATIONS), ("text", (*TEXTS, MIXED))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        if self.modalities[:1] != ("text",) or not set(self.modalities) <= set(MODALITIES) or len(self.modalities) < 2:
            raise ValueError(f"modalities must be text and some of {', '.join(MODALITIES[1:])}; got {self.modalities}")
        wanted = LOSSES[self.loss].modalities
        if wanted not in (None, len(self.modalities)):
            raise ValueError(f"loss {self.loss} is for {wanted} modalities; got {len(self.modalities)}")
        if self.degradation != "none" and DEGRADED not in self.modalities:
            raise ValueError(f"degradation {self.degradation} is done to {DEGRADED}, which is not among the modalities")

    @property
    def measure(self) -> str:
        """The measure that the loss trains."""
        return MEASURES[self.loss]

    @property
    def candidates(self) -> tuple[str, ...]:
        """The modalities that answer."""
        return self.modalities[1:]

    @property
    def missing(self) -> float:
        """The share of items that lack the degraded modality."""
        kind, _, share = self.degradation.partition("-")
        return int(share) / 100 if kind == "missing" else 0.0

    def steps(self, budget: Budget) -> int:
        """Return the number of training steps: every run sees as many items, whatever its batch size."""
        return max(1, round(budget.steps * budget.batch / (self.batch or budget.batch)))

    def checkpoint_steps(self, budget: Budget) -> list[int]:
        """Return the steps whose embeddings are kept: 0, the last, and others between them, denser early."""
        last, count = self.steps(budget), budget.checkpoints
        return sorted({round(last * (place / (count - 1)) ** 1.7) for place in range(count)}) if count > 1 else [last]

    def width(self, budget: Budget) -> int:
        """Return the dimensions of the shared space."""
        return self.d or budget.model.d

    def seconds(self, budget: Budget) -> float:
        """Return the expected training time: the encoders dominate it, a wide space adds a little."""
        share = {"text": 0.1, "image": 0.35, "speech": 0.4, "tones": 0.15}
        return budget.seconds * sum(share[name] for name in self.modalities) * (1 + self.width(budget) / 2000)

    def settings(self, budget: Budget) -> dict[str, Any]:
        """Return all that the outcome depends on, as plain values: the run and, of the budget, what training uses."""
        used = ("model", "learning_rate", "numbers", "renderings", "validation", "test", "checkpoints")
        facts = {name: value for name, value in asdict(budget).items() if name in used}
        fixed = {"steps": self.steps(budget), "batch": self.batch or budget.batch, "d": self.width(budget)}
        unequal = {} if self.degradation == "none" else {"degraded": DEGRADED}
        return {**facts, **asdict(self), **fixed, **unequal, "format": FORMAT}

    def key(self, budget: Budget) -> str:
        """Return a digest of `settings`: the name of the run's folder."""
        return hashlib.sha256(json.dumps(self.settings(budget), sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        """Return a description in one line: what differs from the defaults."""
        parts = [self.loss + ("+matching" if self.matching else "")]
        parts += [] if self.modalities == MODALITIES else ["+".join(self.modalities)]
        parts += [f"{name} {value}" for name in ("d", "temperature", "batch") if (value := getattr(self, name))]
        parts += [] if self.degradation == "none" else [f"{DEGRADED} {self.degradation}"]
        parts += [] if self.text == "whole" else [f"text {self.text}"]
        return ", ".join([*parts, f"seed {self.seed}"])


def base_runs(budget: Budget, *, seeds: int | None = None, **fields: Any) -> list[RunConfig]:
    """Return the runs of both losses, gram and cosine, of each of the seeds: the budget's, if none are given."""
    return [RunConfig(loss, seed, **fields) for loss in COMPARED for seed in range(seeds or budget.seeds)]
