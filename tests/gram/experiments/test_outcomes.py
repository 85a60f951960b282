"""What a run keeps, on disk."""

from pathlib import Path

import pytest

from gram.errors import GramError
from gram.experiments import RunConfig, Workspace, outcomes
from tests.helpers.experiment_tables import QUICK

pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_a_damaged_run_is_named(tmp_path: Path, quick) -> None:
    run = RunConfig("gram", 0)
    for path in (quick.runs / run.key(QUICK)).iterdir():
        target = tmp_path / run.key(QUICK) / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes()[: 100 if path.suffix == ".safetensors" else None])
    with pytest.raises(GramError, match=f"{run.key(QUICK)}: no readable run; delete the folder and run again"):
        list(outcomes([run], QUICK, Workspace(tmp_path, "cpu")))
