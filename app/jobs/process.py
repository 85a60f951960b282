"""Long work in another Python process: it can be watched and stopped, and the page that waits for it stays quick.

The process prints one JSON value a line: an array [share, stage] on how far along it is, or an object that holds a
part of its result.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError


class WatchedProcess:
    """A Python process that says how far along it is, and a thread that listens.

    Attributes:
        share: from 0 to 1, how much is done.
        stage: what is being done, in words.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        folder: "tempfile.TemporaryDirectory[str]",
        *,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Start `python -m module arguments`; the folder with its files is removed when it ends.

        What `prepare` does comes first, and in the thread that listens: the files that the process reads may be large.
        """
        self.share, self.stage = 0.0, "starting"
        self._error: str | None = None
        self._stopped = False
        self._folder = folder
        self._command = [sys.executable, "-m", module, *arguments]
        self._prepare = prepare
        self._starting = threading.Lock()  # a stop comes before the start, or after it
        self._process = None if prepare else self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._watcher.is_alive()

    def stop(self) -> None:
        """End the process, if it still runs."""
        with self._starting:
            self._stopped = self.running
            if self._process is not None:
                self._process.kill()
        self._watcher.join()

    def wait(self, what: str) -> None:
        """Wait for the end.

        Raises:
            GramError: the process failed; with `what` it was and its last words.
        """
        self._watcher.join()
        if self._error is not None and not self._stopped:
            raise GramError(f"{what} failed: {self._error}")

    def _heard(self, share: float, stage: str) -> None:
        """Take note of how far along the process is."""
        self.share, self.stage = share, stage

    def _take(self, part: dict[str, Any]) -> None:
        """Take a part of the result; a process that prints some has a watcher that knows what to do with it."""

    def _finish(self) -> None:
        """Take the result from the folder; called when the process has ended well."""

    def _watch(self) -> None:
        """Start the process if that is still to do, follow what it says until it ends; then tidy up."""
        with self._folder:
            try:
                if self._prepare is not None:
                    self._prepare()
                    self._prepare = None
            except (GramError, OSError) as error:
                self._error = str(error)
                return
            with self._starting:
                if self._process is None and not self._stopped:
                    self._process = self._start()
            if self._process is not None:
                self._follow(self._process)

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        last_words = "the process ended without a word"
        with process:
            for line in process.stdout or ():
                try:
                    said = json.loads(line)
                    if isinstance(said, dict):
                        self._take(said)
                    else:
                        self._heard(*said)
                except (ValueError, TypeError):
                    last_words = line.strip() or last_words
            if process.wait() == 0:
                self._finish()
                self.share = 1.0
            else:
                self._error = last_words


class Pace:
    """How long work will still take, from reports of how much is done."""

    def __init__(self) -> None:
        self._reports: list[tuple[float, float]] = []  # the first and the last: when, and the share then

    def report(self, share: float) -> None:
        """Take note that so much is done now."""
        self._reports = [*self._reports[:1], (time.monotonic(), share)]

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far, counting down between reports; None until that can be told."""
        if len(self._reports) < 2:
            return None
        (begun, before), (last, share) = self._reports
        if share <= before:
            return None
        return max(0.0, (last - begun) * (1 - share) / (share - before) - (time.monotonic() - last))


def save_vectors(embedding_set: EmbeddingSet, names: Sequence[str], folder: Path) -> None:
    """Write some modalities of a set, without its items and media, for another process to read."""
    ids = pd.DataFrame({"id": range(len(embedding_set))})
    EmbeddingSet(modalities={name: embedding_set.modalities[name] for name in names}, items=ids).save(folder)


def _python_path() -> str:
    """Return a path on which the other process finds this very package, installed or not."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
