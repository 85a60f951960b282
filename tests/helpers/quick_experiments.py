"""Every experiment at the quick scale, once: a folder of runs and of results that all tests of a session read."""

import fcntl
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from gram.cli import main
from gram.experiments import BUDGETS, RunConfig


@dataclass(frozen=True)
class Quick:
    """Where the quick experiments lie, read without the project's own readers."""

    runs: Path
    out: Path

    def frame(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.out / f"{name}.parquet")

    def metadata(self, name: str) -> dict[str, str]:
        found = pq.read_schema(self.out / f"{name}.parquet").metadata
        return {key.decode(): value.decode() for key, value in found.items()}

    def vectors(self, run: RunConfig, step: int | None = None) -> dict[str, np.ndarray]:
        """Return unit float64 vectors of the test items as they were kept."""
        kept = load_file(self.runs / run.key(BUDGETS["quick"]) / "embeddings.safetensors")
        last = max(int(name.split("/")[0]) for name in kept) if step is None else step
        found = {
            name.split("/")[1]: rows.astype(np.float64) for name, rows in kept.items() if name.startswith(f"{last}/")
        }
        return {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in found.items()}

    def labels(self) -> list[str]:
        (items,) = self.runs.glob("items-*/test.parquet")
        return pd.read_parquet(items)["label"].tolist()


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Quick:
    """Carry out all experiments; processes that test side by side wait for the first of them."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if base.name.startswith("popen-") else base
    found = Quick(root / "quick-runs", root / "quick-results")
    with (root / "quick.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found.out / "done").exists():
            assert main(["experiment", "all", "--quick", "--runs", str(found.runs), "--out", str(found.out)]) == 0
            (found.out / "done").write_text("")
    return found
