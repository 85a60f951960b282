"""Cases against brute force in numpy, and the causes of faults that are planted by hand."""

import numpy as np
import pytest

from gram.diagnostics import find_cases

from .. import oracle
from . import made_sets

MEASURES = ["volume", "height", "cosine", "centroid"]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_number_is_that_of_brute_force(measure):
    arrays = made_sets.sound(noise=0.8, dtype=np.float64)
    cases = find_cases(made_sets.as_set(arrays), measure=measure)
    table, scores = cases.table, made_sets.matrix(measure, made_sets.as_set(arrays).modalities)
    n, own = len(scores), np.arange(len(scores))
    ranks, winners = made_sets.ranks(scores), made_sets.winners(scores)
    assert table["rank"].tolist() == ranks.tolist()
    assert table["right"].tolist() == (ranks == 1).tolist()
    assert 3 < table["right"].sum() < n - 3
    assert table["winner"].tolist() == [f"i{row}" for row in winners]
    assert table["winner_label"].tolist() == [f"item {row}" for row in winners]
    assert table["margin"].to_numpy() == pytest.approx(scores[own, own] - scores[own, winners], abs=1e-6)
    firsts = np.bincount(np.where(ranks == 1, own, winners), minlength=n)
    assert table["winner_occurrences"].tolist() == firsts[winners].tolist()
    for column, rows in (("true", own), ("winner", winners)):
        pairs = [np.stack([arrays[name][row] for name in made_sets.NAMES[1:]]) for row in rows]
        assert table[f"base_{column}"].to_numpy() == pytest.approx([oracle.volume(pair) for pair in pairs], abs=1e-6)
        heights = [oracle.span_distance(anchor, pair) for anchor, pair in zip(arrays["text"], pairs, strict=True)]
        assert table[f"height_{column}"].to_numpy() == pytest.approx(heights, abs=1e-6)
    assert (cases.query, cases.candidates, cases.gallery, cases.left_out) == ("text", ("image", "speech"), n, 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_ranks_after_single_changes_are_those_of_brute_force(measure):
    arrays = made_sets.as_set(made_sets.sound(noise=0.8)).modalities
    table = find_cases(made_sets.as_set(arrays), measure=measure).table
    assert table["rank_by_height"].tolist() == made_sets.ranks(made_sets.matrix("height", arrays)).tolist()
    for name, other in (("image", "speech"), ("speech", "image")):
        alone = made_sets.ranks(made_sets.matrix(measure, arrays, names=[other]))
        assert table[f"without_{name}"].tolist() == alone.tolist()
    if measure != "volume":
        assert table["rank_same_base"].isna().all()
        return
    scores, expected = made_sets.matrix("volume", arrays), []
    for row, winner in enumerate(made_sets.winners(scores)):
        changed = scores[row].copy()
        changed[winner] = -table["base_true"][row] * table["height_winner"][row]
        expected.append(made_sets.ranks(np.stack([changed] * len(scores)))[row])
    assert table["rank_same_base"].tolist() == expected
    assert (table["rank_same_base"] != table["rank"]).any()


def cause_of(arrays, row, measure="volume", **options):
    case = find_cases(made_sets.as_set(arrays), measure=measure, **options).table.loc[row]
    return case["cause"], case["at_fault"]


def test_a_sound_set_is_right():
    cases = find_cases(made_sets.as_set(made_sets.sound(noise=0.2)))
    assert cases.counts == {"right": 40}
    assert cases.failures.empty
    assert set(cases.table["at_fault"]) == {""}


def test_a_planted_hub():
    arrays = made_sets.sound(noise=0.9)
    near = arrays["image"][7] + 0.02 * made_sets.unit(np.random.default_rng(1).normal(size=16))
    arrays["speech"][7] = made_sets.unit(near)
    table = find_cases(made_sets.as_set(arrays)).table
    beaten = table[(table["winner"] == "i7") & ~table["right"]]
    assert len(beaten) > 20
    assert (beaten["cause"] == "hub").mean() > 0.7
    by_cosine = find_cases(made_sets.as_set(arrays), measure="cosine")
    assert "hub" not in by_cosine.counts


def with_a_rival(noise=0.15):
    """Return a set in which item 8 is like item 5, but less so than item 5's own vectors."""
    arrays = made_sets.sound(noise=noise)
    for name in ("image", "speech"):
        arrays[name][8] = made_sets.unit(0.8 * arrays[name][5] + 0.6 * arrays[name][8])
    return arrays


@pytest.mark.parametrize("measure", ["volume", "cosine", "centroid", "pairwise-mean"])
def test_a_planted_bad_modality(measure):
    arrays = with_a_rival()
    assert cause_of(arrays, 5, measure) == ("right", "")
    arrays["speech"][5] = made_sets.unit(np.random.default_rng(9).normal(size=16))
    assert cause_of(arrays, 5, measure) == ("modality", "speech")
