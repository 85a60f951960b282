"""Progress of long work: one signature everywhere, `progress(share, stage)`."""

from typing import Protocol


class Progress(Protocol):
    """Called with the share done, from 0 to 1, and the stage in words; an exception it raises stops the work."""

    def __call__(self, share: float, stage: str = "", /) -> None:
        """Report progress."""


def no_progress(share: float, stage: str = "", /) -> None:
    """Ignore progress reports."""


def subprogress(progress: Progress, begin: float, end: float, stage: str = "") -> Progress:
    """Return a callback for one part of the work, whose shares 0 to 1 are `begin` to `end` of the whole.

    Args:
        progress: told about the whole.
        begin: share of the whole that is done before this part.
        end: share of the whole that is done after it.
        stage: name of the part; where it is empty, the part's own reports name their stage.
    """

    def report(share: float, inner: str = "", /) -> None:
        progress(begin + (end - begin) * share, stage or inner)

    return report
