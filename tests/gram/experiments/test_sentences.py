"""Findings and headlines: one sentence each, worded by the intervals."""

import math
import re

import pandas as pd
import pytest

from gram.experiments import EXPERIMENTS
from gram.experiments.sentences import leader, listed, number, points, share, sign
from tests.helpers.experiment_tables import altered

pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_finding_is_one_sentence_with_an_interval(quick, name: str) -> None:
    said = EXPERIMENTS.get(name).finding(quick.frame(name))
    assert said.endswith(".")
    assert not re.search(r"\. [A-Z]", said)
    assert re.search(r"\([+-]?[\d.]+ to [+-]?[\d.]+[;)]", said)
    assert "nan" not in said


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_headline_is_short_and_ends_as_a_sentence_does(quick, name: str) -> None:
    said = EXPERIMENTS.get(name).headline(quick.frame(name))
    assert len(said) < 320
    assert said.endswith(".")
    assert "nan" not in said


def test_headlines_of_two_losses_say_who_is_ahead(quick) -> None:
    frame = altered(quick.frame("losses-and-measures"), 0.2, metric="R@1")
    gram = altered(frame, 0.9, metric="R@1", loss="gram", measure="volume")
    assert "GRAM 90.0 %, cosine 20.0 % (GRAM ahead)." in EXPERIMENTS.get("losses-and-measures").headline(gram)
    assert "the gram loss ranked by volume, 90.0 %." in EXPERIMENTS.get("losses-and-measures").headline(gram)
    assert "(not told apart)" in EXPERIMENTS.get("losses-and-measures").headline(frame)
    gains = altered(quick.frame("modalities"), 0.1, metric="R@1 gain")
    gains = altered(gains, 0.3, metric="R@1 gain", loss="cosine", trained="image+speech", tested="image+speech")
    said = EXPERIMENTS.get("modalities").headline(gains)
    assert said.startswith("Speech +10.0 points of R@1 under GRAM and +30.0 under cosine (cosine ahead); tones +10.0")
    hits = altered(quick.frame("coarse-and-fine"), 0.4, metric="hit")
    hits = altered(hits, 0.6, metric="hit", loss="gram", asked="parity", trained="mixed", measure="volume")
    assert (
        "its first digit 40.0 % with GRAM, 40.0 % with cosine (not told apart); odd or even 60.0 %"
        in EXPERIMENTS.get("coarse-and-fine").headline(hits)
    )
    space = altered(quick.frame("space"), 0.5, metric="probe accuracy")
    space = altered(space, 0.25, metric="probe accuracy", loss="cosine")
    assert "probe accuracy 50.0 % with GRAM, 25.0 % with cosine (GRAM ahead)" in EXPERIMENTS.get("space").headline(
        space
    )


def test_headlines_of_what_moves_recall(quick) -> None:
    frame = altered(quick.frame("sensitivity"), 0.5, metric="R@1")
    frame = altered(frame, 0.1, metric="R@1", loss="gram", varied="temperature", setting="0.5")
    said = EXPERIMENTS.get("sensitivity").headline(frame)
    assert "d 0 under GRAM and 0 under cosine; temperature 40 under GRAM and 0 under cosine; batch 0" in said
    frame = altered(quick.frame("unequal"), 0.0, metric="R@1 change")
    frame = altered(frame, -0.3, metric="R@1 change", loss="gram", degradation="noisy")
    frame = altered(frame, -0.2, metric="R@1 change", loss="cosine", degradation="missing-60")
    said = EXPERIMENTS.get("unequal").headline(frame)
    assert "under GRAM image noisy, -30.0 points of R@1; under cosine image missing from 60 %, -20.0 points" in said
    frame = altered(quick.frame("rivals"), -0.2, metric="R@1 difference")
    frame = altered(frame, 0.2, metric="R@1 difference", loss="symile")
    frame = altered(frame, 0.0, metric="R@1 difference", loss="pmrl")
    said = EXPERIMENTS.get("rivals").headline(frame)
    assert "Ahead, in points: symile (+20.0). Not told apart: pmrl (+0.0). Behind: " in said
    assert said.count("(-20.0)") == 6
    frame = altered(quick.frame("volume-as-metric"), -0.9, metric="spearman", predictor="mean volume")
    frame = altered(frame, 0.5, metric="spearman", predictor="mean volume", scope="pooled")
    said = EXPERIMENTS.get("volume-as-metric").headline(frame)
    assert "within gram -0.90, within cosine -0.90 and at the end -0.90; where that is not seen: pooled +0.50." in said


def row(value: float, low: float, high: float) -> pd.Series:
    return pd.Series({"value": value, "low": low, "high": high})


def test_numbers_with_their_intervals() -> None:
    assert share(row(0.812, 0.79, 0.834)) == "81.2 % (79.0 to 83.4)"
    assert points(row(-0.123, -0.14, -0.106)) == "-12.3 points (-14.0 to -10.6)"
    assert number(row(0.83, 0.71, 0.9)) == "0.83 (0.71 to 0.90)"
    assert share(row(0.812, math.nan, math.nan)) == "81.2 %"
    assert listed([]) == "none"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_only_intervals_that_do_not_meet_tell_who_is_ahead() -> None:
    low, middle, high = row(0.1, 0.0, 0.2), row(0.25, 0.15, 0.35), row(0.4, 0.3, 0.5)
    assert leader(high, low) == "GRAM ahead"
    assert leader(low, high) == "cosine ahead"
    assert leader(middle, high) == leader(low, middle) == "not told apart"
    assert leader(row(0.9, math.nan, math.nan), low) == "not told apart"
    assert [sign(each) for each in (high, row(-0.1, -0.2, 0.0), row(-0.2, -0.3, -0.1))] == [1, 0, -1]
    assert sign(row(1.0, math.nan, math.nan)) == 0
