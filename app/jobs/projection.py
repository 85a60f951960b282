"""Layouts of sets, computed elsewhere."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.jobs.job import Job, save_vectors
from app.jobs.worker import Worker
from gram.data.embedding_set import EmbeddingSet
from gram.projection.fit import compute_layout
from gram.projection.layout import Layout, Settings
from gram.projection.store import store_layout


class ProjectionJob(Job):
    """A layout being computed."""

    what = "projection"

    def __init__(self, embedding_set: EmbeddingSet, settings: Settings) -> None:
        """Start to compute a layout.

        Raises:
            ValueError: the set lacks a modality of `settings`.
        """
        super().__init__(
            "app.jobs.projection:compute",
            {"settings": asdict(settings)},
            key=settings.key(embedding_set),
            prepare=lambda folder: save_vectors(embedding_set, embedding_set.names, folder / "set"),
            read=lambda part, folder: Layout.load(folder / part["file"]),
            by_stage=True,
        )

    def result(self) -> Layout | None:
        """Wait, and return the layout; None if the job was stopped.

        Raises:
            GramError: it failed.
        """
        self.wait()
        return self.parts[0] if self.parts else None


def compute(worker: Worker, settings: dict[str, Any]) -> None:
    """Compute the layout of the set in the worker's folder, and keep it."""
    options = {**settings, "modalities": tuple(settings["modalities"])}
    embedding_set = EmbeddingSet.load(worker.folder / "set")
    layout = compute_layout(embedding_set, Settings(**options), progress=worker.progress)
    store_layout(layout)
    layout.save(Path(worker.folder / "layout.safetensors"))
    worker.part({"file": "layout.safetensors"})
