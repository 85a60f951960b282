"""A computation elsewhere, as one session awaits it."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.jobs.eta import EtaEstimator
from app.jobs.runner import RUNNER, Computation
from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError


class Job:
    """A function called in another process, which says how far it is and gives its result in parts.

    The same question is computed once, whoever asks: a job joins the computation under way that answers it. That ends
    when no job awaits it any more, by `stop` or because their sessions are gone; what its function keeps stays.

    Attributes:
        stopped: whether it was stopped before it was done.
        session: the session that awaits it, if one does.
    """

    what = "the work"  # in an error's words

    def __init__(
        self,
        function: str,
        arguments: dict[str, Any],
        *,
        key: str | Collection[str],
        prepare: Callable[[Path], None] = lambda folder: None,
        read: Callable[[dict[str, Any], Path], Any] = lambda part, folder: part,
        by_stage: bool = False,
    ) -> None:
        """Await a computation, started if it is not under way.

        Args:
            function: "module:name" of what is called, with an `app.jobs.worker.Worker` and the arguments.
            arguments: as JSON has them.
            key: of the question, or of each of its parts: a computation of more parts than these answers it too.
            prepare: writes what the function reads into the job's folder, before it is called.
            read: makes a part of the result of what the function gave, and the folder.
            by_stage: whether stages differ in pace.
        """
        self.stopped = False
        context = get_script_run_ctx(suppress_warning=True)
        self.session = context.session_id if context else None

        def make() -> Computation:
            return Computation(function, arguments, prepare=prepare, read=read, eta=EtaEstimator(by_stage=by_stage))

        keys = [key] if isinstance(key, str) else key
        self._computation = RUNNER.join(self, {f"{function} {each}" for each in keys}, make)

    @property
    def share(self) -> float:
        """From 0 to 1, how much is done."""
        return self._computation.share

    @property
    def stage(self) -> str:
        """What is being done, in words."""
        return self._computation.stage

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._computation.eta.seconds_left

    @property
    def ahead(self) -> int:
        """How many other computations have to end before this one begins."""
        return RUNNER.ahead(self._computation)

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return not self.stopped and self._computation.thread.is_alive()

    @property
    def parts(self) -> list[Any]:
        """The parts of the result so far."""
        return self._computation.parts

    @property
    def folder(self) -> Path:
        """The folder of the process, while there is one."""
        return self._computation.folder

    def stop(self) -> None:
        """Await it no longer; it ends if nobody else does."""
        self.stopped = self.running
        RUNNER.leave(self, self._computation)

    def wait(self) -> None:
        """Wait until it is done, or stopped.

        Raises:
            GramError: it failed; with why.
        """
        if self.stopped:
            return
        self._computation.thread.join()
        if self._computation.error is not None:
            raise GramError(f"{self.what} failed: {self._computation.error}")


def save_vectors(embedding_set: EmbeddingSet, names: Sequence[str], folder: Path) -> None:
    """Write some modalities of a set, without its items and media, for another process to read."""
    ids = pd.DataFrame({"id": range(len(embedding_set))})
    EmbeddingSet(modalities={name: embedding_set.modalities[name] for name in names}, items=ids).save(folder)
