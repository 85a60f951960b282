"""Runs are trained and kept once, whole, in any process; a stopped call goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gram.experiments import EXPERIMENTS, RunConfig, Workspace, outcomes, outstanding, planned
from gram.experiments import losses_and_measures as first
from tests.helpers.experiment_tables import QUICK

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def command(runs: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "gram", "experiment", "losses-and-measures", "--quick", "--runs", str(runs),
        "--out", str(out), *more,
    ]  # fmt: skip


# Ctrl-C works in the process even where the tests themselves run in the background of a shell. Not by `preexec_fn`: its
# fork ends some children by SIGABRT where other tests of this process have used gRPC, which Milvus does.
HEARS_INTERRUPTS = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


def started(words: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", HEARS_INTERRUPTS, *words]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/run.json"))


def until_one_is_kept(process: subprocess.Popen[str], folder: Path) -> None:
    while not kept(folder):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_call_goes_on_with_the_rest_alone(tmp_path: Path, workers: str) -> None:
    runs = planned(["losses-and-measures"], QUICK)
    process = started(command(tmp_path, tmp_path / "out", "--workers", workers))
    until_one_is_kept(process, tmp_path)
    os.kill(process.pid, signal.SIGINT if workers == "2" else signal.SIGKILL)
    process.communicate()
    assert process.returncode == (130 if workers == "2" else -signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in kept(tmp_path)}
    left = outstanding(runs, QUICK, tmp_path)
    assert len(left) == len(runs) - len(before)
    trained = []

    def tell(share: float, stage: str = "", /) -> None:
        if stage.startswith("training, "):
            trained.append(stage.removeprefix("training, ").removesuffix(" is done"))

    first.table(outcomes(runs, QUICK, Workspace(tmp_path, "cpu"), tell))
    assert trained == [str(run) for run in left]
    assert {path: path.stat().st_mtime_ns for path in kept(tmp_path) if path in before} == before
    assert len(kept(tmp_path)) == len(runs)
    assert outstanding(runs, QUICK, tmp_path) == []
    trained.clear()
    first.table(outcomes(runs, QUICK, Workspace(tmp_path, "cpu"), tell))
    assert trained == []


def test_a_run_is_the_same_in_a_worker_as_in_this_process(quick, tmp_path: Path) -> None:
    runs = [RunConfig("gram", 0), RunConfig("cosine", 1)]
    list(outcomes(runs, QUICK, Workspace(tmp_path, "cpu", workers=2)))
    for run in runs:
        name = Path(run.key(QUICK)) / "embeddings.safetensors"
        assert (tmp_path / name).read_bytes() == (quick.runs / name).read_bytes()


def test_shared_runs_are_trained_once(quick) -> None:
    everything = planned(list(EXPERIMENTS), QUICK)
    assert len(set(everything)) == len(everything)
    assert len(kept(quick.runs)) == len(everything)
    assert planned(["volume-as-metric"], QUICK) == planned(["losses-and-measures"], QUICK)
    assert set(planned(["space"], QUICK)) <= set(planned(["rivals"], QUICK))
    assert len({run.key(QUICK) for run in everything}) == len(everything)
