"""Settings: which run is a point of which, finding and figure."""

import re

import numpy as np
import pytest

from gram.experiments import EXPERIMENTS, RunConfig
from tests.helpers.experiment_tables import altered, figure, hits, one, scores_of, traces

EXPERIMENT = EXPERIMENTS.get("sensitivity")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_a_setting_away_from_the_scale_s_own_is_one_point_and_the_own_is_a_point_of_each(quick):
    frame = quick.frame("sensitivity")
    pooled = frame[(frame["seed"] == -1) & (frame["metric"] == "R@1") & (frame["loss"] == "gram")]
    assert sorted(zip(pooled["varied"], pooled["setting"])) == [
        ("batch", "12"), ("batch", "24"), ("d", "16"), ("d", "4"), ("temperature", "0.5"), ("temperature", "learned"),
    ]  # fmt: skip
    assert set(pooled["seeds"]) == {2}
    fixed = one(frame, loss="gram", setting="0.5", metric="temperature", seed=0)
    assert fixed["value"] == pytest.approx(0.5)
    assert quick.vectors(RunConfig("gram", 0, d=4))["text"].shape[1] == 4
    wide = hits(scores_of("cosine", quick.vectors(RunConfig("cosine", 1, d=4)), ("image", "speech", "tones"))).mean()
    assert one(frame, loss="cosine", setting="4", metric="R@1", seed=1)["value"] == pytest.approx(wide, abs=1e-9)


def test_which_loss_a_setting_moves_more(quick) -> None:
    frame = altered(quick.frame("sensitivity"), 0.5, metric="R@1")
    moved = altered(frame, 0.1, metric="R@1", loss="gram", varied="temperature", setting="0.5")
    said = EXPERIMENT.finding(moved)
    assert "with temperature, gram goes from 10.0 % (9.0 to 11.0) at 0.5 to 50.0 %" in said
    assert "at learned and cosine goes from 50.0 % (49.0 to 51.0)" in said
    assert re.search(r"with temperature, [^;]*gram is moved more", said)
    moved = altered(frame, 0.1, metric="R@1", loss="cosine", varied="temperature", setting="0.5")
    assert re.search(r"with temperature, [^;]*cosine is moved more", EXPERIMENT.finding(moved))
    assert re.search(r"with batch, [^;]*neither is moved more", EXPERIMENT.finding(moved))


def test_settings_are_in_order_with_the_learned_one_last():
    found = figure("sensitivity")
    assert [list(axis.ticktext) for axis in found.select_xaxes()] == [
        ["4", "16"], ["0.1", "0.5", "learned"], ["12", "24"],
    ]  # fmt: skip
    temperature = traces(found, "gram loss")[1]
    np.testing.assert_allclose(temperature.y, [20, 30, 40])
