"""A projection in another process: it can be watched and stopped, and the page that waits for it stays quick."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from gram.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.projection.layout import Layout, Settings


class ProjectionJob:
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
        self.share, self.stage = 0.0, "starting"
        self._stage_begun, self._stage_share = time.monotonic(), 0.0
        self._error: str | None = None
        self._stopped = False
        self._folder = tempfile.TemporaryDirectory(prefix="gram-projection-")
        folder = Path(self._folder.name)
        _vectors_alone(embedding_set).save(folder / "set")
        self._written = folder / "layout.safetensors"
        self._layout: Layout | None = None
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gram.projection.worker"),
                *(str(folder / "set"), str(self._written), json.dumps(asdict(settings))),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._watcher.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """Time left of the present stage at its present pace; None until that can be told."""
        done = self.share - self._stage_share
        if self.stage != "arranging points" or done <= 0:
            return None
        return (time.monotonic() - self._stage_begun) * (1 - self.share) / done

    def stop(self) -> None:
        """End the process, if it still runs; nothing is kept of it."""
        self._stopped = self.running
        self._process.kill()
        self._watcher.join()

    def result(self) -> Layout | None:
        """Wait, and return the layout; None if the job was stopped.

        Raises:
            GramError: the process failed; with its last words.
        """
        self._watcher.join()
        if self._error is not None and not self._stopped:
            raise GramError(f"projection failed: {self._error}")
        return self._layout

    def _watch(self) -> None:
        """Follow what the process says, one JSON array [share, stage] a line, until it ends; then tidy up."""
        last_words = "the process ended without a word"
        with self._process, self._folder:
            for line in self._process.stdout or ():
                try:
                    share, stage = json.loads(line)
                except ValueError:
                    last_words = line.strip() or last_words
                    continue
                if stage != self.stage:
                    self._stage_begun, self._stage_share = time.monotonic(), share
                self.share, self.stage = share, stage
            if self._process.wait() == 0:
                self._layout, self.share = Layout.load(self._written), 1.0
            else:
                self._error = last_words


def _vectors_alone(embedding_set: EmbeddingSet) -> EmbeddingSet:
    ids = pd.DataFrame({"id": range(len(embedding_set))})
    return EmbeddingSet(modalities=embedding_set.modalities, items=ids)


def _python_path() -> str:
    """Return a path on which the other process finds this very package, installed or not."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
