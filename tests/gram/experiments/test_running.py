"""What is trained and kept: once, whole, in any process; what a stop leaves; what the command line refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gram.cli import main
from gram.errors import GramError
from gram.experiments import (
    BUDGETS,
    EXPERIMENTS,
    RunConfig,
    Workspace,
    expected_seconds,
    load,
    outcomes,
    outstanding,
    planned,
)
from gram.experiments import losses_and_measures as first

QUICK = BUDGETS["quick"]
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.timeout(900)


def command(runs: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "gram", "experiment", "losses-and-measures", "--quick", "--runs", str(runs),
        "--out", str(out), *more,
    ]  # fmt: skip


def started(words: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_hear_interrupts,
    )  # fmt: skip


def _hear_interrupts() -> None:
    """Have Ctrl-C work in the process even where the tests themselves run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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


def test_the_plan_names_the_runs_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["experiment", "all", "--plan", "--runs", str(tmp_path), "--device", "cpu", "--workers", "2"]
    assert main([*words, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    runs = planned(list(EXPERIMENTS), BUDGETS["cpu"])
    assert [row["run"] for row in plan["runs"]] == [str(run) for run in runs]
    assert (plan["scale"], plan["workers"]) == ("cpu", 2)
    assert 60 * 60 < plan["seconds"] <= 90 * 60
    assert plan["seconds"] == pytest.approx(
        expected_seconds(runs, BUDGETS["cpu"], Workspace(tmp_path, "cpu", 2)) + 8 * BUDGETS["cpu"].overhead, abs=1
    )
    assert list(tmp_path.iterdir()) == []
    assert main(words) == 0
    assert f"{len(runs)} runs at the scale cpu, {len(runs)} of them to be trained by 2" in capsys.readouterr().out
    assert main([*words, "--quick", "--seeds", "1", "--json"]) == 0
    assert {row["run"][-1] for row in json.loads(capsys.readouterr().out)["runs"]} == {"0"}


def test_json_holds_rows_and_finding(quick, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["experiment", "sensitivity", "--quick", "--runs", str(quick.runs), "--out", str(tmp_path), "--json"]
    assert main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)
    frame = quick.frame("sensitivity")
    assert len(found["rows"]) == len(frame)
    assert found["rows"][0]["value"] == pytest.approx(frame["value"][0])
    assert found["finding"] == EXPERIMENTS.get("sensitivity").finding(frame)
    assert found["rows"][-1]["setting"] == frame["setting"].iloc[-1]
    assert Path(found["file"]) == tmp_path / "sensitivity.parquet"


def test_quick_results_stay_out_of_the_evidence(tmp_path: Path, quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    assert main(["experiment", "losses-and-measures", "--quick", "--runs", str(quick.runs)]) == 0
    assert [path.name for path in tmp_path.rglob("*.parquet")] == ["losses-and-measures.parquet"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "invalid choice: 'nothing'"),
        ([], "required: NAME"),
        (["all", "--seeds", "0"], "expected a whole number of at least 1, got '0'"),
        (["all", "--workers", "x"], "expected a whole number of at least 1, got 'x'"),
        (["all", "--quick", "--full"], "not allowed with"),
        (["all", "--device", "abacus"], "device"),
        (["all", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_usage_is_status_2_and_a_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", *words]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GramError, match="no result here; make it with: python -m gram experiment space"):
        load("space", tmp_path)
    (tmp_path / "space.parquet").write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(GramError, match="no readable result; make it again"):
        load("space", tmp_path)


def test_a_damaged_run_is_named(tmp_path: Path, quick) -> None:
    run = RunConfig("gram", 0)
    for path in (quick.runs / run.key(QUICK)).iterdir():
        target = tmp_path / run.key(QUICK) / path.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes()[: 100 if path.suffix == ".safetensors" else None])
    with pytest.raises(GramError, match=f"{run.key(QUICK)}: no readable run; delete the folder and run again"):
        list(outcomes([run], QUICK, Workspace(tmp_path, "cpu")))


def test_a_result_of_another_experiment_is_refused(tmp_path: Path, quick) -> None:
    (tmp_path / "space.parquet").write_bytes((quick.out / "rivals.parquet").read_bytes())
    with pytest.raises(GramError, match="not a result of the experiment space"):
        load("space", tmp_path)
