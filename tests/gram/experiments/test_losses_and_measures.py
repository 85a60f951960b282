"""Both losses by every measure: recall by brute force, paired differences, finding and figure."""

import numpy as np
import pytest

from gram.experiments import EXPERIMENTS, RunConfig
from gram.measures import names
from tests.helpers.experiment_tables import SEEDS, altered, figure, hits, one, scores_of, traces

EXPERIMENT = EXPERIMENTS.get("losses-and-measures")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


@pytest.mark.parametrize("loss", ["gram", "cosine"])
def test_recall_by_brute_force_in_both_directions(quick, loss):
    frame = quick.frame("losses-and-measures")
    assert set(frame["measure"]) == set(names(4))
    for seed in SEEDS:
        vectors = quick.vectors(RunConfig(loss, seed))
        for measure in ("volume", "cosine"):
            scores = scores_of(measure, vectors, ("image", "speech", "tones"))
            for direction, found in (("query-to-candidates", scores), ("candidates-to-query", scores.T)):
                row = one(frame, loss=loss, measure=measure, direction=direction, metric="R@1", seed=seed)
                assert row["value"] == pytest.approx(hits(found).mean(), abs=1e-9)
    both = one(frame, loss=loss, measure="volume", direction="query-to-candidates", metric="R@1", seed=-1)
    per_seed = [
        one(frame, loss=loss, measure="volume", direction="query-to-candidates", metric="R@1", seed=seed)["value"]
        for seed in SEEDS
    ]
    assert both["value"] == pytest.approx(np.mean(per_seed))
    assert (both["seeds"], both["interval"]) == (2, "items of all seeds")


def test_a_difference_is_paired_by_item(quick):
    frame = quick.frame("losses-and-measures")
    vectors = quick.vectors(RunConfig("cosine", 1))
    by = {measure: hits(scores_of(measure, vectors, ("image", "speech", "tones"))) for measure in ("volume", "cosine")}
    change = by["volume"] - by["cosine"]
    asked = {"loss": "cosine", "direction": "query-to-candidates", "metric": "R@1 difference", "seed": 1}
    row = one(frame, measure="volume", **asked)
    assert row["value"] == pytest.approx(change.mean(), abs=1e-9)
    rng = np.random.default_rng(1)
    means = [change[rng.integers(len(change), size=len(change))].mean() for _ in range(4000)]
    assert row["low"] == pytest.approx(np.quantile(means, 0.025), abs=0.013)
    assert row["high"] == pytest.approx(np.quantile(means, 0.975), abs=0.013)
    own = one(frame, measure="cosine", **asked)
    assert (own["value"], own["low"], own["high"]) == (0, 0, 0)


def test_who_is_ahead_of_the_two_losses(quick) -> None:
    frame = quick.frame("losses-and-measures")
    gram = {"loss": "gram", "measure": "volume", "metric": "R@1"}
    assert "cosine is ahead" in EXPERIMENT.finding(altered(altered(frame, 0.2, **gram), 0.5, loss="cosine", metric="R@1"))  # fmt: skip  # noqa: E501
    ahead = EXPERIMENT.finding(altered(frame, 0.9, **gram))
    assert "GRAM is ahead" in ahead
    assert "90.0 % (89.0 to 91.0)" in ahead
    assert "the best of all pairs is gram by volume" in ahead
    assert "do not tell them apart" in EXPERIMENT.finding(altered(frame, 0.5, reach=0.5, metric="R@1"))


def test_a_row_a_measure_with_the_trained_for_one_larger():
    found = figure("losses-and-measures")
    assert list(found.layout.yaxis.ticktext) == ["volume", "height", "cosine"]
    (gram,), (cosine,) = traces(found, "gram loss"), traces(found, "cosine loss")
    np.testing.assert_allclose(gram.x, [30, 35, 40])
    np.testing.assert_allclose(cosine.x, [40, 45, 50])
    np.testing.assert_allclose(gram.error_x.array, 3)
    np.testing.assert_allclose(gram.error_x.arrayminus, 2)
    assert gram.marker.size[0] > gram.marker.size[2]
    assert cosine.marker.size[2] > cosine.marker.size[0]
    assert gram.marker.symbol != cosine.marker.symbol
    other = figure("losses-and-measures", direction="candidates-to-query")
    np.testing.assert_allclose(traces(other, "gram loss")[0].x, [50, 55, 60])
