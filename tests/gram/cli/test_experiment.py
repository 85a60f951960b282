"""`gram experiment`: the plan, the result as JSON, wrong usage."""

import json
from pathlib import Path

import pytest

from gram.cli import main
from gram.experiments import BUDGETS, EXPERIMENTS, Workspace, expected_seconds, planned

pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


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
