"""The space: silhouette and probe of the digits, finding and figure."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from gram.experiments import EXPERIMENTS, RunConfig
from tests.helpers.experiment_tables import altered, figure, one, traces

EXPERIMENT = EXPERIMENTS.get("space")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_the_digits_of_the_space(quick):
    frame, labels = quick.frame("space"), np.array([[int(digit) for digit in label] for label in quick.labels()])
    rows = quick.vectors(RunConfig("gram", 0))["tones"]
    found = np.mean([silhouette_score(rows, labels[:, place], metric="cosine") for place in range(4)])
    row = one(frame, loss="gram", modality="tones", metric="silhouette", seed=0)
    assert row["value"] == pytest.approx(found, abs=1e-5)
    text = one(frame, loss="gram", modality="text", metric="probe accuracy", seed=-1)["value"]
    assert text > 0.25  # even untrained, words say the digits: chance is 0.1
    assert frame[frame["metric"] == "trustworthiness"]["value"].between(0.5, 1).all()


def test_whose_space_is_better_ordered(quick) -> None:
    frame = altered(quick.frame("space"), 0.5, modality="all")
    assert EXPERIMENT.finding(frame).count("do not tell them apart") == 3
    ahead = altered(frame, 0.7, modality="all", loss="gram", metric="silhouette")
    assert (
        "silhouette is 0.70 (0.69 to 0.71) after gram and 0.50 (0.49 to 0.51) after cosine (gram is ahead)"
        in EXPERIMENT.finding(ahead)
    )


def test_the_space_in_three_panels():
    found = figure("space")
    silhouette, probe, trust = traces(found, "gram loss")
    np.testing.assert_allclose(silhouette.x, -0.2)
    np.testing.assert_allclose(probe.x, 40)
    np.testing.assert_allclose(trust.x, 0.8)
