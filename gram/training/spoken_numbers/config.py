"""Settings of a training run, stored with its weights."""

from dataclasses import dataclass, field

from gram import losses
from gram.datasets.spoken_numbers import MODALITIES
from gram.models import ModelConfig

VARIED_BETWEEN, MOST_VARIED = (0.15, 0.5), 0.8  # shares of the steps in which augmentation ramps up; of clips
SHIPPED = ("gram", "cosine")  # losses of the shipped models


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one run; two runs that differ only in `loss` see the same items in the same order."""

    loss: str = "gram"
    steps: int = 1500
    batch_size: int = 256
    learning_rate: float = 2e-3
    warmup: float = 0.05  # share of the steps over which the learning rate rises
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    temperature: float = 0.07  # initial value; it is learned
    seed: int = 0
    renderings: int = 8  # renderings of each training number, each from another recipe
    robust: bool = False  # train for real voices and lines, see `spoken_numbers.pool`
    evaluations: int = 16  # number of times the validation set is ranked
    checkpoints: int = 12  # number of sets in the trajectory
    trajectory_items: int = 500
    model: ModelConfig = field(default_factory=ModelConfig)

    def __post_init__(self) -> None:
        if self.loss not in (known := losses.names(len(MODALITIES))):
            raise ValueError(f"loss must be one of {', '.join(known)}; got {self.loss!r}")
        for name in ("steps", "batch_size", "renderings", "evaluations", "checkpoints", "trajectory_items"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")

    def share_varied(self, step: int) -> float:
        """Return the chance that a clip of speech is augmented at a step of a robust run: 0 at first, then rising.

        If augmented from the start, speech is learned so much later than the other modalities that a volume loss,
        already low by those, never aligns it.
        """
        begin, end = (share * self.steps for share in VARIED_BETWEEN)
        return MOST_VARIED * min(1.0, max(0.0, (step - begin) / (end - begin))) if self.robust else 0.0

    def evaluation_steps(self) -> set[int]:
        """Return the steps after which the validation set is ranked, evenly spaced, the last included."""
        return {round(self.steps * (i + 1) / self.evaluations) for i in range(self.evaluations)}

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the trajectory: 0, the last, and between them more early ones, where most changes."""
        if self.checkpoints == 1:
            return [self.steps]
        shares = ((i / (self.checkpoints - 1)) ** 2.5 for i in range(self.checkpoints))
        return sorted({round(self.steps * share) for share in shares})
