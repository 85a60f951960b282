"""One unequal modality: recall with what is there, finding and figure."""

import numpy as np
import pytest

from gram.experiments import EXPERIMENTS, RunConfig
from tests.helpers.experiment_tables import altered, figure, hits, one, scores_of, traces

EXPERIMENT = EXPERIMENTS.get("unequal")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_items_that_lack_a_modality_are_ranked_by_the_vectors_they_have(quick):
    frame = quick.frame("unequal")
    lacking = {}
    for share in (30, 60, 90):
        vectors = quick.vectors(RunConfig("gram", 0, degradation=f"missing-{share}"))
        lacking[share] = np.isnan(vectors["image"]).all(axis=1)
        assert lacking[share].mean() == pytest.approx(share / 100, abs=0.17)
        assert not any(np.isnan(vectors[name]).any() for name in ("text", "speech", "tones"))
    assert (lacking[30] <= lacking[60]).all()
    assert (lacking[60] <= lacking[90]).all()
    vectors = quick.vectors(RunConfig("gram", 0, degradation="missing-60"))
    for measure in ("volume", "cosine"):
        found = hits(scores_of(measure, vectors, ("image", "speech", "tones"))).mean()
        row = one(frame, loss="gram", degradation="missing-60", measure=measure, metric="R@1", seed=0)
        assert row["value"] == pytest.approx(found, abs=1e-9)
        rest = hits(scores_of(measure, vectors, ("speech", "tones"))).mean()
        row = one(frame, loss="gram", degradation="missing-60", measure=measure, metric="R@1 without it", seed=0)
        assert row["value"] == pytest.approx(rest, abs=1e-9)
    whole = one(frame, loss="gram", degradation="none", measure="volume", metric="R@1", seed=-1)["value"]
    part = one(frame, loss="gram", degradation="noisy", measure="volume", metric="R@1", seed=-1)["value"]
    change = one(frame, loss="gram", degradation="noisy", measure="volume", metric="R@1 change", seed=-1)["value"]
    assert change == pytest.approx(part - whole)


def test_what_costs_most_when_one_modality_is_unequal(quick) -> None:
    frame = altered(quick.frame("unequal"), 0.0, metric="R@1 change")
    assert EXPERIMENT.finding(frame).count("a loss is seen for none") == 2
    hurt = altered(frame, -0.3, metric="R@1 change", loss="gram", degradation="noisy")
    said = EXPERIMENT.finding(hurt)
    assert "under gram the worst is noisy image, -30.0 points (-31.0 to -29.0)" in said
    assert "a loss is seen for noisy;" in said
    best = altered(hurt, 0.99, metric="R@1", loss="cosine", degradation="missing-90", measure="height")
    assert "with 90 % missing, height ranks best" in EXPERIMENT.finding(best)


def test_degradations_by_the_own_measure_or_another():
    found = figure("unequal")
    np.testing.assert_allclose(traces(found, "cosine by cosine")[0].x, [60, 50, 40])
    other = figure("unequal", ranked_by={"gram": "height", "cosine": "height"})
    np.testing.assert_allclose(traces(other, "gram by height")[0].x, [48, 38, 28])
