"""What a training run is: every setting, kept beside the weights it made."""

from dataclasses import dataclass, field

from gram.losses import GramLoss, PairwiseInfoNCE
from gram.models import ModelConfig

LOSSES = {"gram": GramLoss, "cosine": PairwiseInfoNCE}


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
    temperature: float = 0.07  # at the start; it is learned
    seed: int = 0
    renderings: int = 8  # how often each training number is rendered, each time from another recipe
    robust: bool = False  # train for people's own voices and lines, see `gram.training.pool.render_pool`
    evaluations: int = 16  # how often the validation set is ranked
    checkpoints: int = 12  # how many sets the trajectory holds
    trajectory_items: int = 500
    model: ModelConfig = field(default_factory=ModelConfig)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        for name in ("steps", "batch_size", "renderings", "evaluations", "checkpoints", "trajectory_items"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")

    def evaluation_steps(self) -> set[int]:
        """Return the steps after which the validation set is ranked, evenly spaced, the last included."""
        return {round(self.steps * (i + 1) / self.evaluations) for i in range(self.evaluations)}

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the trajectory: 0, the last, and between them denser early, where most happens."""
        if self.checkpoints == 1:
            return [self.steps]
        shares = ((i / (self.checkpoints - 1)) ** 2.5 for i in range(self.checkpoints))
        return sorted({round(self.steps * share) for share in shares})
