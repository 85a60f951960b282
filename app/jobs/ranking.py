"""Ranks of some items of a set, computed elsewhere."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from app.jobs.job import Job, save_vectors
from app.jobs.worker import Worker
from gram.data.embedding_set import EmbeddingSet
from gram.retrieval.evaluate import ranks_of

FUNCTION = "app.jobs.ranking:compute"


class RankingJob(Job):
    """Where the own candidates of items rank for their anchors, being computed."""

    what = "ranking"

    def __init__(
        self,
        embedding_set: EmbeddingSet,
        rows: Sequence[int],
        candidates: Sequence[str],
        measure: str,
        *,
        identity: str,
        on_done: Callable[[Float[np.ndarray, " m"], int], None],
        device: str = "auto",
    ) -> None:
        """Start to rank.

        Args:
            embedding_set: all items.
            rows: those to rank.
            candidates: the modalities of a candidate.
            measure: what ranks.
            identity: tells the set apart from others.
            on_done: called once, whoever awaits it, with the ranks and among how many they are.
            device: as for `gram.evaluate`.
        """
        names = embedding_set.anchor, *candidates
        arguments = {"rows": list(rows), "names": names, "measure": measure, "device": device}

        def read(part: dict[str, Any], folder: Path) -> None:
            on_done(np.array(part["ranks"]), part["among"])

        super().__init__(
            FUNCTION, arguments, key=json.dumps([identity, arguments]), read=read,
            prepare=lambda folder: save_vectors(embedding_set, names, folder / "set"),
        )  # fmt: skip


def compute(worker: Worker, rows: list[int], names: list[str], measure: str, device: str) -> None:
    """Rank rows of the set in the worker's folder."""
    query, *candidates = names
    embedding_set = EmbeddingSet.load(worker.folder / "set")
    ranks, among = ranks_of(
        embedding_set, rows, query, candidates, measure, device=device, progress=worker.progress
    )  # fmt: skip
    worker.part({"ranks": ranks.tolist(), "among": among})
