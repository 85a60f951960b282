"""An experiment is one file: a toy that one declares is found by the command line, the page and the report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gram.core.declarations import declared_names
from gram.experiments import EXPERIMENTS

ROOT = Path(__file__).parents[3]
TOY = '''
"""A toy."""
import plotly.graph_objects as go

from gram.experiments.claim import Claim
from gram.experiments.config import base_runs
from gram.experiments.table import Observation, single_row, tabulate

NAME, TITLE, ORDER = "toy", "A toy", 35
CLAIM = Claim("Toys count steps.", "a question of this project")
runs = base_runs


def table(outcomes):
    return tabulate(
        Observation({"loss": each.run.loss}, "steps", each.run.seed, given=each.steps[-1]) for each in outcomes
    )


def finding(frame):
    return f"It took {single_row(frame, loss='gram')['value']:.0f} steps."


headline = finding


def figure(frame, *, dark=False):
    return go.Figure(layout={"height": 300})
'''
PAGE = """
from tests.app.conftest import open_app
page = open_app("evidence").run()
assert not page.exception, page.exception
print([each.value for each in page.subheader])
"""
pytestmark = pytest.mark.timeout(900)


def test_names_are_those_that_the_sources_declare() -> None:
    assert EXPERIMENTS.names() == declared_names("gram.experiments", marker="CLAIM")


def test_a_toy_from_one_file_is_found_by_the_command_line_and_the_page(quick, tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    environment = {
        **os.environ, "GRAM_PLUGINS": str(tmp_path / "toy.py"), "GRAM_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip

    def said(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    command = ("-m", "gram", "experiment")
    assert "volume-as-metric, toy, sensitivity" in " ".join(said(*command, "--help").split())
    made = said(*command, "toy", "--quick", "--runs", str(quick.runs), "--out", str(tmp_path), "--json")
    assert json.loads(made)[0]["finding"] == "It took 6 steps."
    assert (tmp_path / "toy.parquet").is_file()
    assert "'Volume as a metric', 'A toy', 'Sensitivity'" in said("-c", PAGE)


def test_no_experiment_of_this_name() -> None:
    with pytest.raises(ValueError, match=r"expected one of losses-and-measures, .*; got 'nothing'"):
        EXPERIMENTS.get("nothing")


def test_the_experiments_are_in_order():
    assert list(EXPERIMENTS) == [
        "losses-and-measures", "modalities", "volume-as-metric", "sensitivity", "unequal", "coarse-and-fine", "rivals",
        "space",
    ]  # fmt: skip
