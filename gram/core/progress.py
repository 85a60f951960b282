"""Progress of long work: one signature everywhere, `progress(share, stage)`."""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Protocol


class Progress(Protocol):
    """Called with the share done, from 0 to 1, and the stage in words; an exception it raises stops the work."""

    def __call__(self, share: float, stage: str = "", /) -> None:
        """Report progress."""


def no_progress(share: float, stage: str = "", /) -> None:
    """Ignore progress reports."""


def subprogress(progress: Progress, begin: float, end: float, stage: str = "") -> Progress:
    """Return a callback for one part of the work, whose shares 0 to 1 are `begin` to `end` of the whole.

    `stage` names the part; where it is empty, the part's own reports name their stage.
    """

    def report(share: float, inner: str = "", /) -> None:
        progress(begin * (1 - share) + end * share, stage or inner)  # exactly `begin` at 0 and `end` at 1

    return report


def stage_progress(progress: Progress, weights: Mapping[str, float]) -> dict[str, Progress]:
    """Return a callback for each stage of the work; `weights` has how long each takes, in order, in any unit."""
    ends = list(accumulate(weights.values(), initial=0.0))
    return {
        stage: subprogress(progress, begin / ends[-1], end / ends[-1], stage)
        for stage, (begin, end) in zip(weights, pairwise(ends))
    }
