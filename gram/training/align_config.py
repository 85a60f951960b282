"""Settings of an alignment: the heads and their training."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from gram.losses import LOSSES, MEASURES
from gram.models.heads import HeadsConfig


@dataclass(frozen=True, kw_only=True)
class AlignConfig(HeadsConfig):
    """The heads and their training; two configs that differ only in `loss` see the same items in the same order.

    Attributes:
        d, head, hidden: as in `gram.models.heads.HeadsConfig`.
        loss: one of `gram.losses.LOSSES`.
        steps: number of batches.
        batch_size: items in a batch, if there are as many.
        learning_rate: peak value, after a linear warm-up over 5 % of the steps; then cosine decay to 0.
        weight_decay: of AdamW, on matrices only.
        temperature: initial value; it is learned.
        label_smoothing: see `gram.losses`.
        held_out: share of the items held out if there is no column "split".
        seed: of the split, the heads and the batches.
        evaluations: number of times the held-out items are ranked.

    Raises:
        ValueError: a setting is out of its range; the message names the range.
    """

    loss: str = "gram"
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
        super().__post_init__()
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}")
        for name in ("steps", "evaluations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2: the loss contrasts items; got {self.batch_size}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must be between 0 and 1; got {self.held_out}")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")

    @property
    def measure(self) -> str:
        """The loss's own measure, which ranks the held-out items."""
        return MEASURES[self.loss]

    @property
    def heads(self) -> HeadsConfig:
        """The settings of the heads."""
        return HeadsConfig(**{each.name: getattr(self, each.name) for each in fields(HeadsConfig)})

    @property
    def training(self) -> dict[str, Any]:
        """The settings of the training, by name."""
        own = {each.name for each in fields(HeadsConfig)}
        return {name: value for name, value in asdict(self).items() if name not in own}
