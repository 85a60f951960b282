"""Work in a thread of this process: it can be watched and stopped, and the page that waits for it stays quick."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from app.jobs.eta import EtaEstimator

R = TypeVar("R")
Tell = Callable[[float], None]  # is told the share that is done


class _StoppedError(Exception):
    """The work was told to stop."""


class WatchedThread(Generic[R]):
    """Work that tells how far it is, and stops when it next does so.

    Attributes:
        share: from 0 to 1, how much is done.
        stopped: whether it was told to stop.
    """

    def __init__(self, work: Callable[[Tell], R]) -> None:
        """Start the work; what it is given it has to call now and then, with the share that is done."""
        self.share, self.stopped = 0.0, False
        self._eta = EtaEstimator()
        self._result: R | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    @property
    def ahead(self) -> int:
        """How many others have to end before it begins: none."""
        return 0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._eta.seconds_left

    def stop(self) -> None:
        """Have the work end, and wait until it has."""
        self.stopped = True
        self._thread.join()

    def result(self) -> R | None:
        """Wait, and return what came of it; None if it was stopped before.

        Raises:
            Exception: what the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self, work: Callable[[Tell], R]) -> None:
        try:
            self._result = work(self._told)
        except _StoppedError:
            pass
        except Exception as error:  # it is raised where the result is asked for
            self._error = error

    def _told(self, share: float) -> None:
        if self.stopped:
            raise _StoppedError
        self.share = share
        self._eta.report(share)
