"""Heads on features, trained elsewhere: watched as they learn, stopped with what they have learned."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from app.jobs.job import Job
from app.jobs.worker import Worker
from gram.data.embedding_set import FeatureSet
from gram.models.checkpoint import load_heads
from gram.training.align import align
from gram.training.align_config import AlignConfig


class AlignJob(Job):
    """Heads for one feature set, by one loss after another on the same held-out items.

    Attributes:
        settings: one a loss, in order.
        out: where each loss gets a folder, as `Alignment.save` writes it.
    """

    what = "the alignment"

    def __init__(self, features: Path, settings: Sequence[AlignConfig], out: Path, *, device: str = "auto") -> None:
        """Start to train.

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
        each_of = [asdict(each) for each in settings]
        arguments = {"features": str(features), "settings": each_of, "out": str(out), "device": device}

        def read(part: dict[str, Any], folder: Path) -> dict[str, Any]:
            if "done" in part:
                load_heads(Path(out) / part["done"] / "model", device="cpu")
            return part

        super().__init__("app.jobs.align:compute", arguments, key=str(out), read=read)

    def history(self) -> pd.DataFrame:
        """Return the rows so far of all losses, in a column "model" which."""
        rows = [part for part in self.parts if "row" in part]
        return pd.DataFrame([{"model": part["loss"], **part["row"]} for part in rows])

    def stop_and_keep(self) -> None:
        """Ask the process to end with what it has learned; losses that have not begun are left out."""
        if self.ahead:
            self.stop()
        elif self.running:
            (self.folder / "stop").touch()

    def result(self) -> dict[str, Path]:
        """Wait, and return the folder of each loss whose heads were written.

        Raises:
            GramError: it failed.
        """
        self.wait()
        return {part["done"]: self.out / part["done"] for part in self.parts if "done" in part}


def compute(worker: Worker, features: str, settings: list[dict[str, Any]], out: str, device: str) -> None:
    """Train what is asked for, in order, until the file that asks for the end is there."""
    feature_set, stop = FeatureSet.load(features), worker.folder / "stop"
    for place, each in enumerate(settings):
        config = AlignConfig(**each)

        def keep(row: dict[str, Any], loss: str = config.loss) -> None:
            worker.part({"loss": loss, "row": row})

        def report(share: float, stage: str = "", /, place: int = place, loss: str = config.loss) -> None:
            worker.progress((place + share) / len(settings), f"{loss} heads, {stage}")

        worker.progress(place / len(settings), f"{config.loss} heads")
        made = align(feature_set, config, progress=report, on_partial=keep, should_stop=stop.exists, device=device)
        made.save(Path(out) / config.loss)
        worker.part({"done": config.loss})
        if stop.exists():
            break
