"""A quick run in another process gives what the same call gives here, says how far it is, and can be stopped."""

import shutil
import time

import pandas as pd
import pytest

from app.jobs.experiment import ExperimentJob
from gram.core.cache import cache_folder
from gram.errors import GramError
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
