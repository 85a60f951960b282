"""Heads being trained in another process: watched as they learn, stopped with what they have learned."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from app.jobs.process import Pace, WatchedProcess
from gram.errors import EmbeddingSetError, ModelError
from gram.models.checkpoint import load_heads
from gram.training.align_config import AlignConfig


class AlignJob(WatchedProcess):
    """Heads for one feature set, by one loss after another on the same held-out items, trained in another process.

    Attributes:
        settings: one a loss, in order.
        out: where each loss gets a folder, as `Alignment.save` writes it.
        rows: loss -> rows of its history so far.
        done: losses whose heads are written.
    """

    def __init__(self, features: Path, settings: Sequence[AlignConfig], out: Path, *, device: str = "auto") -> None:
        """Start the process.

        Args:
            features: folder of a feature set.
            settings: one a loss.
            out: a folder for the results.
            device: as in `align`.

        Raises:
            ValueError: no settings, or two of one loss.
        """
        losses = [each.loss for each in settings]
        if not losses or len(set(losses)) < len(losses):
            raise ValueError(f"settings: expected one a loss, got {', '.join(losses) or 'none'}")
        self.settings, self.out = tuple(settings), Path(out)
        self.rows: dict[str, list[dict[str, Any]]] = {loss: [] for loss in losses}
        self.done: list[str] = []
        self._pace = Pace()
        temporary = tempfile.TemporaryDirectory(prefix="gram-alignment-")
        self._stop_file = Path(temporary.name) / "stop"
        work = {
            "features": str(features),
            "settings": [asdict(each) for each in settings],
            "out": str(out),
            "stop": str(self._stop_file),
            "device": device,
        }
        super().__init__("app.jobs.align_worker", (json.dumps(work),), temporary)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None until that can be told."""
        return self._pace.seconds_left

    def history(self) -> pd.DataFrame:
        """Return the rows so far of all losses, in a column "model" which."""
        return pd.DataFrame([{"model": loss, **row} for loss, rows in self.rows.items() for row in rows])

    def stop_and_keep(self) -> None:
        """Ask the process to end with what it has learned; losses that have not begun are left out."""
        if self.running:
            self._stop_file.touch()

    def result(self) -> dict[str, Path]:
        """Wait, and return the folder of each loss whose heads were written.

        Raises:
            GramError: the process failed; with its last words.
        """
        self.wait("the alignment")
        return {loss: self.out / loss for loss in self.done}

    def _heard(self, share: float, stage: str) -> None:
        super()._heard(share, stage)
        self._pace.report(share)

    def _take(self, part: dict[str, Any]) -> None:
        if "row" in part:
            loss = part["loss"]
            self.rows = {**self.rows, loss: [*self.rows[loss], part["row"]]}
        elif "done" in part:
            try:
                load_heads(self.out / part["done"] / "model", device="cpu")
            except (ModelError, EmbeddingSetError) as error:
                raise ValueError(str(error)) from error
            self.done = [*self.done, part["done"]]
