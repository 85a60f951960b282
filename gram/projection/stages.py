"""The stages of a projection: their names, their order, and what share of the work each is."""

from collections.abc import Callable
from itertools import accumulate

Progress = Callable[[float, str], None]
"""Called with the share done, from 0 to 1, and the stage; whatever it raises stops the work."""

PROGRESS_STAGES = (
    "finding axes",
    "finding neighbours",
    "starting UMAP",
    "arranging points",
    "placing the others",
    "checking neighbourhoods",
)


class Stages:
    """Turns what is done of a stage into what is done of the whole."""

    def __init__(self, weights: dict[str, float], report: Progress | None) -> None:
        """Take each stage's weight, about how long it takes beside the others; those of weight 0 are left out."""
        self._report = report or (lambda share, stage: None)
        stages = [stage for stage in PROGRESS_STAGES if weights.get(stage)]
        ends = list(accumulate(weights[stage] for stage in stages))
        self._spans = {
            stage: (begin / ends[-1], end / ends[-1])
            for stage, begin, end in zip(stages, [0.0, *ends], ends, strict=False)
        }

    def within(self, stage: str) -> Callable[[float], None]:
        """Return what to call with the share done of a stage."""
        begin, end = self._spans[stage]
        return lambda share: self._report(begin * (1 - share) + end * share, stage)
