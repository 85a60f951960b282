"""A projection in another process: it can be watched and stopped, and the page that waits for it stays quick."""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from app.jobs.process import Pace, WatchedProcess, save_vectors
from gram.data.embedding_set import EmbeddingSet
from gram.projection.layout import Layout, Settings

_SECONDS_TO_TELL = 2.0  # before that, the pace of a stage says little


class ProjectionJob(WatchedProcess):
    """A layout being computed by another Python process.

    Attributes:
        settings: what is computed.
        key: `settings.key` of the set.
        share: from 0 to 1, how much is done.
        stage: what is being done, in words.

    Example:
        >>> job = ProjectionJob(embedding_set, Settings(method="umap", dims=3))  # doctest: +SKIP (needs a set)
        >>> job.running, job.share, job.stage  # doctest: +SKIP
        (True, 0.42, 'arranging points')
    """

    def __init__(self, embedding_set: EmbeddingSet, settings: Settings) -> None:
        """Start the process.

        Raises:
            ValueError: the set lacks a modality of `settings`.
        """
        self.settings = settings
        self.key = settings.key(embedding_set)
        self._pace, self._stage_begun = Pace(), time.monotonic()
        self._end: float | None = None  # on the monotonic clock
        self._layout: Layout | None = None
        temporary = tempfile.TemporaryDirectory(prefix="gram-projection-")
        folder = Path(temporary.name)
        save_vectors(embedding_set, embedding_set.names, folder / "set")
        self._written = folder / "layout.safetensors"
        arguments = (str(folder / "set"), str(self._written), json.dumps(asdict(settings)))
        super().__init__("app.jobs.projection_worker", arguments, temporary)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace of the present stage, or as foreseen before it; None until that can be told."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def result(self) -> Layout | None:
        """Wait, and return the layout; None if the job was stopped.

        Raises:
            GramError: the process failed; with its last words.
        """
        self.wait("projection")
        return self._layout

    def _heard(self, share: float, stage: str) -> None:
        if stage != self.stage:
            self._pace, self._stage_begun = Pace(), time.monotonic()
        super()._heard(share, stage)
        self._pace.report(share)
        left = self._pace.seconds_left
        if left is not None and time.monotonic() - self._stage_begun >= _SECONDS_TO_TELL:
            self._end = time.monotonic() + left

    def _finish(self) -> None:
        self._layout = Layout.load(self._written)
