"""What the training of heads is: every setting, kept beside the heads it made."""

from dataclasses import dataclass

from gram.losses import LOSSES, MEASURES

HEADS = ("linear", "mlp")


def losses_for(k: int) -> list[str]:
    """Return the losses that are defined for k modalities."""
    return [name for name, loss in LOSSES.items() if loss.modalities in (None, k)]


@dataclass(frozen=True)
class AlignmentSettings:
    """Settings of one training; two that differ only in `loss` see the same items in the same order.

    Attributes:
        loss: one of `gram.losses.LOSSES`.
        d: dimensions of the shared space.
        head: "linear", or "mlp" with one hidden layer.
        hidden: width of that layer.
        steps: how many batches are learned from.
        batch_size: items of a batch; fewer where there are fewer.
        learning_rate: its highest value; it rises over the first twentieth of the steps and falls to 0 as a cosine.
        weight_decay: of AdamW, on weights alone.
        temperature: at the start; it is learned.
        label_smoothing: see `gram.losses`.
        held_out: share of the items to hold out, where no column "split" says which.
        seed: draws the split, the heads and the batches.
        evaluations: how often the held-out items are ranked.

    Raises:
        ValueError: a setting that cannot be; the line says what can.
    """

    loss: str = "gram"
    d: int = 64
    head: str = "linear"
    hidden: int = 256
    steps: int = 600
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    temperature: float = 0.07
    label_smoothing: float = 0.1
    held_out: float = 0.2
    seed: int = 0
    evaluations: int = 20

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        if self.head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}; got {self.head!r}")
        for name in ("d", "hidden", "steps", "evaluations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, for items are told apart; got {self.batch_size}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must be between 0 and 1; got {self.held_out}")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")

    @property
    def measure(self) -> str:
        """What the loss trains, by which the held-out items are ranked."""
        return MEASURES[self.loss]
