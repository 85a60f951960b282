"""What training gives: runs of a seed start alike and learn; a narrow modality is narrow."""

import json

import numpy as np
import pytest

from gram.experiments import RunConfig
from tests.helpers.experiment_tables import QUICK

pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_a_narrow_modality_spans_few_dimensions(quick):
    narrow, plain = (quick.vectors(RunConfig("gram", 0, degradation=kind))["image"] for kind in ("narrow", "none"))
    assert np.linalg.svd(narrow, compute_uv=False)[9:].max() < 0.02  # 8, and one of the bias; float16 for the rest
    assert np.linalg.svd(plain, compute_uv=False)[9:].max() > 0.02


def test_runs_of_a_seed_start_from_the_same_weights_and_then_learn(quick):
    first = [quick.vectors(RunConfig(loss, 0), step=0) for loss in ("gram", "cosine")]
    for name in ("text", "image", "speech", "tones"):
        np.testing.assert_array_equal(first[0][name], first[1][name])
    assert not np.allclose(quick.vectors(RunConfig("gram", 1), step=0)["text"], first[0]["text"])
    for loss in ("gram", "cosine"):
        kept = json.loads((quick.runs / RunConfig(loss, 0).key(QUICK) / "run.json").read_text())
        assert len(kept["losses"]) == QUICK.steps
        assert np.mean(kept["losses"][-3:]) < kept["losses"][0]
        assert kept["settings"]["loss"] == loss
