"""Findings say what the table says: altered, they say something else."""

import re

import pandas as pd
import pytest

from gram.experiments import EXPERIMENTS

pytestmark = pytest.mark.timeout(900)


def finding(name: str, frame: pd.DataFrame) -> str:
    return EXPERIMENTS.get(name).finding(frame)


def altered(frame: pd.DataFrame, value: float, *, reach: float = 0.01, **wanted: object) -> pd.DataFrame:
    """Return the table with the rows that have the wanted values set to a value with an interval around it."""
    changed = frame.copy()
    chosen = pd.Series(True, index=frame.index)
    for name, each in wanted.items():
        chosen &= frame[name] == each
    assert chosen.any(), wanted
    for column, number in (("value", value), ("low", value - reach), ("high", value + reach)):
        changed.loc[chosen, column] = number
    return changed


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_finding_is_one_sentence_with_an_interval(quick, name: str) -> None:
    said = finding(name, quick.frame(name))
    assert said.endswith(".")
    assert not re.search(r"\. [A-Z]", said)
    assert re.search(r"\([+-]?[\d.]+ to [+-]?[\d.]+[;)]", said)
    assert "nan" not in said


def test_who_is_ahead_of_the_two_losses(quick) -> None:
    frame = quick.frame("losses-and-measures")
    gram = {"loss": "gram", "measure": "volume", "metric": "R@1"}
    assert "cosine is ahead" in finding("losses-and-measures", altered(altered(frame, 0.2, **gram), 0.5, loss="cosine", metric="R@1"))  # fmt: skip  # noqa: E501
    ahead = finding("losses-and-measures", altered(frame, 0.9, **gram))
    assert "GRAM is ahead" in ahead
    assert "90.0 % (89.0 to 91.0)" in ahead
    assert "the best of all pairs is gram by volume" in ahead
    assert "do not tell them apart" in finding("losses-and-measures", altered(frame, 0.5, reach=0.5, metric="R@1"))


def test_what_a_further_modality_adds_or_costs(quick) -> None:
    frame = quick.frame("modalities")
    gains = altered(
        altered(frame, 0.1, metric="R@1 gain"), -0.1, metric="R@1 gain", loss="cosine", tested="image+speech"
    )
    assert (
        "a gain is seen for speech under gram, tones under gram and tones under cosine, a loss for speech under cosine."
        in finding("modalities", gains)
    )
    nothing = altered(frame, 0.0, metric="R@1 gain")
    assert "a gain is seen for none, a loss for none." in finding("modalities", nothing)


def test_whether_a_smaller_volume_is_a_sign_of_better_recall(quick) -> None:
    frame = altered(quick.frame("volume-as-metric"), 0.2, metric="spearman")
    strong = altered(frame, -0.9, metric="spearman", predictor="mean volume")
    said = finding("volume-as-metric", strong)
    assert said.count("; the closest)") == 4
    assert "a smaller volume is a sign of a better R@1 in all of these" in said
    split = altered(strong, 0.5, metric="spearman", predictor="mean volume", scope="within gram")
    split = altered(split, -0.005, metric="spearman", predictor="mean volume", scope="at the end")
    said = finding("volume-as-metric", split)
    assert "within gram +0.50 (+0.49 to +0.51; the closest)" in said
    assert "a smaller volume is no sign of a better R@1 within gram nor at the end;" in said
    other = altered(strong, 0.95, metric="spearman", predictor="volume AUC")
    assert finding("volume-as-metric", other).count("volume AUC is closer, +0.95)") == 4
    assert "the closest" not in finding("volume-as-metric", other)
    hubs = altered(strong, 0.25, metric="hub share", loss="cosine", step=frame["step"].max())
    flips = altered(hubs, 2.0, metric="flipped", loss="gram", step=frame["step"].max())
    said = finding("volume-as-metric", flips)
    assert re.search(r"the gram model [^,]* at an R@1 of [^,]*, 1 % [^,]*, and 2.0 of its modalities lie", said)
    assert re.search(r"the cosine model [^,]*, 1 % of its candidates take 25.0 % of the first places by volume", said)


def test_which_loss_a_setting_moves_more(quick) -> None:
    frame = altered(quick.frame("sensitivity"), 0.5, metric="R@1")
    moved = altered(frame, 0.1, metric="R@1", loss="gram", varied="temperature", setting="0.5")
    said = finding("sensitivity", moved)
    assert "with temperature, gram goes from 10.0 % (9.0 to 11.0) at 0.5 to 50.0 %" in said
    assert "at learned and cosine goes from 50.0 % (49.0 to 51.0)" in said
    assert re.search(r"with temperature, [^;]*gram is moved more", said)
    moved = altered(frame, 0.1, metric="R@1", loss="cosine", varied="temperature", setting="0.5")
    assert re.search(r"with temperature, [^;]*cosine is moved more", finding("sensitivity", moved))
    assert re.search(r"with batch, [^;]*neither is moved more", finding("sensitivity", moved))


def test_what_costs_most_when_one_modality_is_unequal(quick) -> None:
    frame = altered(quick.frame("unequal"), 0.0, metric="R@1 change")
    assert finding("unequal", frame).count("a loss is seen for none") == 2
    hurt = altered(frame, -0.3, metric="R@1 change", loss="gram", degradation="noisy")
    said = finding("unequal", hurt)
    assert "under gram the worst is noisy image, -30.0 points (-31.0 to -29.0)" in said
    assert "a loss is seen for noisy;" in said
    best = altered(hurt, 0.99, metric="R@1", loss="cosine", degradation="missing-90", measure="height")
    assert "with 90 % missing, height ranks best" in finding("unequal", best)


def test_hits_of_mixed_texts_and_their_chance(quick) -> None:
    frame = altered(quick.frame("coarse-and-fine"), 0.3, metric="hit")
    assert finding("coarse-and-fine", frame).count("do not tell them apart") == 3
    ahead = altered(frame, 0.8, metric="hit", loss="gram", asked="parity", trained="mixed")
    said = finding("coarse-and-fine", ahead)
    assert "parity texts are satisfied by the top item for 80.0 % (79.0 to 81.0) under gram and 30.0 %" in said
    assert "chance 50.0 %; gram is ahead" in said


def test_who_is_ahead_of_gram_and_who_behind(quick) -> None:
    frame = altered(quick.frame("rivals"), -0.2, metric="R@1 difference")
    said = finding("rivals", frame)
    assert "no rival has a higher R@1: ahead of GRAM are none" in said
    assert said.endswith("of three modalities, the triangle is behind GRAM.")
    frame = altered(frame, 0.2, metric="R@1 difference", loss="symile")
    frame = altered(frame, 0.3, metric="R@1 difference", loss="triangle")
    said = finding("rivals", frame)
    assert "the best rival is symile with" in said
    assert "ahead of GRAM are symile, behind it cosine, all-pairs" in said
    assert said.endswith("the triangle is ahead of GRAM.")


def test_whose_space_is_better_ordered(quick) -> None:
    frame = altered(quick.frame("space"), 0.5, modality="all")
    assert finding("space", frame).count("do not tell them apart") == 3
    ahead = altered(frame, 0.7, modality="all", loss="gram", metric="silhouette")
    assert (
        "silhouette is 0.70 (0.69 to 0.71) after gram and 0.50 (0.49 to 0.51) after cosine (gram is ahead)"
        in finding("space", ahead)
    )


def headline(name: str, frame: pd.DataFrame) -> str:
    return EXPERIMENTS.get(name).headline(frame)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_headline_is_short_and_ends_as_a_sentence_does(quick, name: str) -> None:
    said = headline(name, quick.frame(name))
    assert len(said) < 320
    assert said.endswith(".")
    assert "nan" not in said


def test_headlines_of_two_losses_say_who_is_ahead(quick) -> None:
    frame = altered(quick.frame("losses-and-measures"), 0.2, metric="R@1")
    gram = altered(frame, 0.9, metric="R@1", loss="gram", measure="volume")
    assert "GRAM 90.0 %, cosine 20.0 % (GRAM ahead)." in headline("losses-and-measures", gram)
    assert "the gram loss ranked by volume, 90.0 %." in headline("losses-and-measures", gram)
    assert "(not told apart)" in headline("losses-and-measures", frame)
    gains = altered(quick.frame("modalities"), 0.1, metric="R@1 gain")
    gains = altered(gains, 0.3, metric="R@1 gain", loss="cosine", trained="image+speech", tested="image+speech")
    said = headline("modalities", gains)
    assert said.startswith("Speech +10.0 points of R@1 under GRAM and +30.0 under cosine (cosine ahead); tones +10.0")
    hits = altered(quick.frame("coarse-and-fine"), 0.4, metric="hit")
    hits = altered(hits, 0.6, metric="hit", loss="gram", asked="parity", trained="mixed", measure="volume")
    assert "its first digit 40.0 % with GRAM, 40.0 % with cosine (not told apart); odd or even 60.0 %" in headline(
        "coarse-and-fine", hits
    )
    space = altered(quick.frame("space"), 0.5, metric="probe accuracy")
    space = altered(space, 0.25, metric="probe accuracy", loss="cosine")
    assert "probe accuracy 50.0 % with GRAM, 25.0 % with cosine (GRAM ahead)" in headline("space", space)


def test_headlines_of_what_moves_recall(quick) -> None:
    frame = altered(quick.frame("sensitivity"), 0.5, metric="R@1")
    frame = altered(frame, 0.1, metric="R@1", loss="gram", varied="temperature", setting="0.5")
    said = headline("sensitivity", frame)
    assert "d 0 under GRAM and 0 under cosine; temperature 40 under GRAM and 0 under cosine; batch 0" in said
    frame = altered(quick.frame("unequal"), 0.0, metric="R@1 change")
    frame = altered(frame, -0.3, metric="R@1 change", loss="gram", degradation="noisy")
    frame = altered(frame, -0.2, metric="R@1 change", loss="cosine", degradation="missing-60")
    said = headline("unequal", frame)
    assert "under GRAM image noisy, -30.0 points of R@1; under cosine image missing from 60 %, -20.0 points" in said
    frame = altered(quick.frame("rivals"), -0.2, metric="R@1 difference")
    frame = altered(frame, 0.2, metric="R@1 difference", loss="symile")
    frame = altered(frame, 0.0, metric="R@1 difference", loss="pmrl")
    said = headline("rivals", frame)
    assert "Ahead, in points: symile (+20.0). Not told apart: pmrl (+0.0). Behind: " in said
    assert said.count("(-20.0)") == 6
    frame = altered(quick.frame("volume-as-metric"), -0.9, metric="spearman", predictor="mean volume")
    frame = altered(frame, 0.5, metric="spearman", predictor="mean volume", scope="pooled")
    said = headline("volume-as-metric", frame)
    assert "within gram -0.90, within cosine -0.90 and at the end -0.90; where that is not seen: pooled +0.50." in said
