"""Results on disk: a Parquet file for each experiment, with its provenance in the schema's metadata."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import gram
from gram.core.atomic import replace_file
from gram.core.cache import cache_folder
from gram.errors import GramError
from gram.experiments.config import FORMAT

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "assets" / "evidence"
PREFIX = "gram."


def quick_folder() -> Path:
    """Return the folder of quick results: in the cache, by the version of their format."""
    return cache_folder(f"evidence-quick-{FORMAT}")


def commit() -> str:
    """Return the git commit of this project, with "-changed" appended if files differ from it; else "unknown"."""
    questions = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", "gram"])
    try:
        head, changes = (
            subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in questions
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("-changed" if changes else "")


def facts_of(
    *, experiment: str, scale: str, device: torch.device, started: datetime, seconds: float, training: float,
    command: Sequence[str],
) -> dict[str, str]:  # fmt: skip
    """Return the metadata of a result, as text; `seconds` is by the clock, `training` the sum of all its runs."""
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "experiment": experiment, "scale": scale, "commit": commit(), "device": named,
        "torch": torch.__version__, "gram": gram.__version__, "started": started.isoformat(timespec="seconds"),
        "seconds": f"{seconds:.1f}", "training_seconds": f"{training:.1f}", "command": shlex.join(command),
    }  # fmt: skip


def save(frame: pd.DataFrame, folder: Path, facts: Mapping[str, str]) -> Path:
    """Write a result to `folder`/EXPERIMENT.parquet, atomically; return the file.

    Raises:
        GramError: the disk refuses.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    own = {PREFIX + name: value for name, value in facts.items()}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **own})
    target = folder / f"{facts['experiment']}.parquet"
    try:
        replace_file(target, lambda draft: pq.write_table(table, draft, compression="zstd"))
    except OSError as error:
        raise GramError(f"{target}: could not be written ({error})") from error
    return target


def load(name: str, folder: Path = EVIDENCE) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a result and its provenance: experiment, scale, commit, device, torch, started and so on.

    Raises:
        GramError: it is not there, or is no result.
    """
    file = folder / f"{name}.parquet"
    if not file.is_file():
        raise GramError(f"{file}: no result here; make it with: python -m gram experiment {name}")
    try:
        table = pq.read_table(file)
        found = {
            key.decode().removeprefix(PREFIX): value.decode()
            for key, value in (table.schema.metadata or {}).items()
            if key.decode().startswith(PREFIX)
        }
        frame = table.to_pandas()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise GramError(f"{file}: no readable result; make it again ({error})") from error
    if found.get("experiment") != name:
        raise GramError(f"{file}: not a result of the experiment {name}; make it again")
    return frame, found


def plain_rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows as JSON values: NaN and missing values become None."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in records]
