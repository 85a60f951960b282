"""Heads trained in another process."""

import time
from dataclasses import replace

import numpy as np
import pytest

from app.jobs.align import AlignJob
from gram.errors import GramError
from gram.models.checkpoint import load_heads
from gram.training.align import align
from tests.helpers.planted_features import QUICK, planted


def test_a_job_trains_both_losses_on_the_same_items_and_tells_how_it_goes(tmp_path):
    planted().save(tmp_path / "features")
    settings = [replace(QUICK, loss=loss, steps=60) for loss in ("gram", "cosine")]
    job = AlignJob(tmp_path / "features", settings, tmp_path / "out", device="cpu")
    folders = job.result()
    assert list(folders) == ["gram", "cosine"]
    history = job.history()
    assert history.groupby("model")["step"].max().to_dict() == {"gram": 60, "cosine": 60}
    alone = align(planted(), settings[0], device="cpu")
    made = load_heads(folders["gram"] / "model", device="cpu")
    np.testing.assert_allclose(
        made.get_parameter("layers.0.weight").detach(), alone.heads.get_parameter("layers.0.weight").detach(), atol=1e-5
    )


def test_a_job_that_is_stopped_hands_over_its_heads(tmp_path):
    planted().save(tmp_path / "features")
    job = AlignJob(tmp_path / "features", [replace(QUICK, steps=200_000, evaluations=20_000)], tmp_path / "out")
    while job.history().empty and job.running:
        time.sleep(0.02)
    job.stop_and_keep()
    folder = job.result()["gram"]
    assert load_heads(folder / "model", device="cpu").info["steps"] < 200_000


def test_a_job_that_fails_says_why(tmp_path):
    planted(60).subset(slice(0, 2)).save(tmp_path / "features")
    job = AlignJob(tmp_path / "features", [QUICK], tmp_path / "out")
    with pytest.raises(GramError, match="alignment failed: no two training items"):
        job.result()
