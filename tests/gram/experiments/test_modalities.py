"""Further modalities: every subset, gains, finding and figure."""

import numpy as np
import pytest

from gram.experiments import EXPERIMENTS, RunConfig
from tests.helpers.experiment_tables import altered, figure, hits, one, scores_of, traces

EXPERIMENT = EXPERIMENTS.get("modalities")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_every_subset_of_candidates_and_what_one_more_adds(quick):
    frame = quick.frame("modalities")
    kinds = ("text", "image", "speech")
    pair, triple = quick.vectors(RunConfig("gram", 0, kinds[:2])), quick.vectors(RunConfig("gram", 0, kinds))
    two = hits(scores_of("volume", pair, ("image",)))
    three = hits(scores_of("volume", triple, ("image", "speech")))
    row = one(frame, loss="gram", metric="R@1 gain", tested="image+speech", seed=0)
    assert row["value"] == pytest.approx(three.mean() - two.mean(), abs=1e-9)
    assert row["against"] == "image"
    full = quick.vectors(RunConfig("gram", 0))
    for tested in ("speech", "image+tones", "image+speech+tones"):
        found = one(
            frame, loss="gram", metric="R@1", trained="image+speech+tones", tested=tested, measure="volume", seed=0
        )
        assert found["value"] == pytest.approx(hits(scores_of("volume", full, tested.split("+"))).mean(), abs=1e-9)
    trained = frame[(frame["trained"] == "image+speech+tones") & (frame["metric"] == "R@1")]
    assert trained["tested"].nunique() == 7
    alone = one(frame, loss="gram", metric="R@1 gain in the test alone", tested="image+speech", seed=0)
    change = hits(scores_of("volume", full, ("image", "speech"))) - hits(scores_of("volume", full, ("image",)))
    assert alone["value"] == pytest.approx(change.mean(), abs=1e-9)


def test_what_a_further_modality_adds_or_costs(quick) -> None:
    frame = quick.frame("modalities")
    gains = altered(
        altered(frame, 0.1, metric="R@1 gain"), -0.1, metric="R@1 gain", loss="cosine", tested="image+speech"
    )
    assert (
        "a gain is seen for speech under gram, tones under gram and tones under cosine, a loss for speech under cosine."
        in EXPERIMENT.finding(gains)
    )
    nothing = altered(frame, 0.0, metric="R@1 gain")
    assert "a gain is seen for none, a loss for none." in EXPERIMENT.finding(nothing)


def test_modalities_are_added_in_order_in_training_or_in_the_test_alone():
    found = figure("modalities")
    np.testing.assert_allclose(traces(found, "gram: trained and tested on these")[0].y, [20, 30, 40])
    np.testing.assert_allclose(traces(found, "gram: tested on these")[0].y, [15, 25, 40])
    assert list(found.layout.xaxis.ticktext) == ["image", "+ speech", "+ tones"]
