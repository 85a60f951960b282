"""A quick run in another process gives what the same call gives here, says how far it is, and can be stopped."""

import shutil
import time

import pandas as pd
import pytest

from app.jobs.experiment_job import ExperimentJob
from gram.core.cache import cache_folder
from gram.errors import GramError
from gram.experiments import EXPERIMENTS
from gram.experiments.report import findings_table, main
from gram.experiments.results import quick_folder

NAME = "losses-and-measures"
pytestmark = pytest.mark.timeout(400)


def test_a_job_gives_the_table_of_the_same_call_here(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    shutil.copytree(quick.runs, cache_folder("experiments"))
    table, made = ExperimentJob(NAME).result()
    pd.testing.assert_frame_equal(table, quick.frame(NAME))
    assert (made["scale"], made["experiment"]) == ("quick", NAME)
    assert made["command"].endswith(f"{NAME} --quick --device cpu")


def test_a_job_that_is_stopped_has_no_result_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))
    job = ExperimentJob(NAME)
    while job.stage == "starting" and job.running:
        time.sleep(0.02)
    assert 0 <= job.share < 1
    job.stop()
    assert not job.running
    with pytest.raises(GramError, match="no result here"):
        job.result()
    assert not quick_folder().exists()


def test_no_job_of_no_experiment():
    with pytest.raises(ValueError, match="experiment: expected one of"):
        ExperimentJob("nothing")


def test_the_readme_gets_the_findings_of_all_results(quick, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- evidence: begin -->\nLAST YEAR\n<!-- evidence: end -->\nafter\n")
    assert main(["--evidence", str(quick.out), "--readme", str(page)]) == 0
    written = page.read_text()
    assert "LAST YEAR" not in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    for module in EXPERIMENTS.values():
        table = quick.frame(module.NAME)
        assert f"\n| {module.TITLE} | {module.headline(table)} |\n" in written
        assert f"\n- **{module.TITLE}.** {module.finding(table)}\n" in written
    assert findings_table(quick.out) in written
    assert "scale quick" in written


def test_a_result_that_is_missing_changes_nothing(quick, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text("<!-- evidence: begin -->\nLAST YEAR\n<!-- evidence: end -->")
    assert main(["--evidence", str(tmp_path), "--readme", str(page)]) == 1
    assert "no result here" in capsys.readouterr().err
    assert "LAST YEAR" in page.read_text()
