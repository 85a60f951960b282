"""One failure taken apart: every number against brute force, the cause that of the table, what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gram import EmbeddingSetError
from gram.diagnostics import attribute, find_cases
from tests.gram.diagnostics.failures.test_causes import messy
from tests.helpers import made_sets, oracle

QUERY, CANDIDATES = "text", ("image", "speech", "tones")


@pytest.fixture(scope="module")
def arrays():
    return made_sets.sound(noise=0.8, names=(QUERY, *CANDIDATES))


@pytest.fixture(scope="module")
def cases(arrays):
    return find_cases(made_sets.as_set(arrays))


def unknown(cases):
    """The cases with what is usual in the set, but with no row that says how one was ranked."""
    return replace(cases, table=cases.table.iloc[:0])


def test_every_number_is_that_of_brute_force(arrays, cases):
    row = int(np.flatnonzero(~cases.table["right"])[0])
    found = attribute(made_sets.as_set(arrays), f"i{row}", cases=cases)
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    scores = made_sets.matrix("volume", wide)
    winner = int(made_sets.winners(scores)[row])
    assert (found.true.id, found.true.label, found.true.row) == (f"i{row}", f"item {row}", row)
    assert (found.winner.id, found.winner.label, found.winner.row) == (f"i{winner}", f"item {winner}", winner)
    assert (found.query, found.candidates, found.measure, found.gallery) == (QUERY, CANDIDATES, "volume", 40)
    assert found.margin == pytest.approx(scores[row, row] - scores[row, winner])
    assert found.rank == made_sets.ranks(scores)[row]
    assert found.occurrences == cases.table["winner_occurrences"][row]
    assert (found.asked, found.dtype, found.alike) == (40, "float32", False)
    for side, at in ((found.true, row), (found.winner, winner)):
        own = np.stack([wide[name][at] for name in CANDIDATES])
        every = dict(zip((QUERY, *CANDIDATES), [wide[QUERY][row], *own]))
        assert side.score == pytest.approx(scores[row, at])
        assert side.base == pytest.approx(oracle.volume(own))
        assert side.height == pytest.approx(oracle.span_distance(wide[QUERY][row], own))
        assert side.volume == pytest.approx(-scores[row, at])
        for name in every:
            rest = np.stack([vector for other, vector in every.items() if other != name])
            assert side.heights[name] == pytest.approx(oracle.span_distance(every[name], rest))
        assert side.cosines == pytest.approx({name: oracle.cosine(every[QUERY], every[name]) for name in CANDIDATES})
        assert side.own_cosines == pytest.approx(
            {(a, b): oracle.cosine(every[a], every[b]) for a, b in list(side.own_cosines)}
        )
        assert set(side.own_cosines) == {("image", "speech"), ("image", "tones"), ("speech", "tones")}
        assert side.missing == ()
    bases = [oracle.volume(np.stack([wide[name][at] for name in CANDIDATES])) for at in range(40)]
    assert found.median_base == pytest.approx(np.sort(bases)[19])


def test_ranks_are_those_of_the_table(arrays, cases):
    s = made_sets.as_set(arrays)
    for _, case in cases.table.iterrows():
        found = attribute(s, case["id"], cases=unknown(cases))
        assert (found.rank, found.rank_by_height, found.rank_same_base) == (
            case["rank"],
            case["rank_by_height"],
            case["rank_same_base"],
        )
        assert found.without == {name: case[f"without_{name}"] for name in CANDIDATES}
        assert found.winner.id == case["winner"]


@pytest.mark.parametrize("measure", ["volume", "cosine"])
@pytest.mark.parametrize("seed", range(4))
def test_the_cause_is_that_of_the_table(seed, measure):
    s = made_sets.as_set(messy(seed))
    cases = find_cases(s, measure=measure)
    for _, case in cases.table.iterrows():
        found = attribute(s, case["id"], case["winner"], measure=measure, cases=unknown(cases))
        read = attribute(s, case["id"], case["winner"], measure=measure, cases=cases)
        assert repr(read) == repr(found)  # NaN is not equal to itself
        assert (found.cause, found.at_fault) == (case["cause"], case["at_fault"])
        assert found.margin == pytest.approx(case["margin"], abs=1e-12)
        assert found.sentence().endswith(".")


def test_without_cases_they_are_found(arrays, cases):
    s = made_sets.as_set(arrays)
    item = cases.failures["id"].iloc[0]
    assert repr(attribute(s, item)) == repr(attribute(s, item, cases=unknown(cases)))


def test_a_case_that_is_known_is_not_ranked_again(arrays, cases, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("ranked the gallery again")

    monkeypatch.setattr("gram.diagnostics.failures.statistics.rank_with_rivals", never)
    item = cases.failures["id"].iloc[0]
    assert attribute(made_sets.as_set(arrays), item, cases=cases).cause == cases.failures["cause"].iloc[0]
    with pytest.raises(AssertionError, match="ranked the gallery"):
        attribute(made_sets.as_set(arrays), item, cases=unknown(cases))


def test_an_item_outside_the_sample_is_taken_apart_too(arrays):
    s = made_sets.as_set(arrays)
    some = find_cases(s, sample=15)
    item = next(each for each in find_cases(s).failures["id"] if each not in set(some.table["id"]))
    found = attribute(s, item, cases=some)
    assert found.asked == 15
    assert found.rank == find_cases(s).table.set_index("id")["rank"][item]


def test_another_item_than_the_winner(arrays, cases):
    case = cases.failures.sort_values("rank").iloc[-1]
    scores = made_sets.matrix("volume", arrays)
    row = int(case["id"][1:])
    behind = int(scores[row].argmin())
    found = attribute(made_sets.as_set(arrays), case["id"], f"i{behind}", cases=cases)
    assert found.winner.id == f"i{behind}"
    assert found.margin == pytest.approx(scores[row, row] - scores[row, behind])
    assert found.rank == case["rank"]
    assert "yet is only rank" in found.sentence()


def test_a_missing_modality(arrays):
    gaps = {name: array.copy() for name, array in arrays.items()}
    gaps["speech"][5] = np.nan
    found = attribute(made_sets.as_set(gaps), "i5")
    assert found.true.missing == ("speech",)
    assert math.isnan(found.true.heights["speech"])
    assert math.isnan(found.true.cosines["speech"])
    own = np.stack([gaps[name][5] for name in ("image", "tones")]).astype(float)
    assert found.true.base == pytest.approx(oracle.volume(own))


def test_what_is_refused(arrays, cases):
    s = made_sets.as_set(arrays)
    with pytest.raises(ValueError, match="winner: 'i3' is the item itself"):
        attribute(s, "i3", "i3", cases=cases)
    with pytest.raises(EmbeddingSetError, match="no item has the id 'x'"):
        attribute(s, "x", cases=cases)
    with pytest.raises(ValueError, match="cases: expected those of text against image, speech, tones by cosine on 40"):
        attribute(s, "i3", measure="cosine", cases=cases)
    gaps = {name: array.copy() for name, array in arrays.items()}
    gaps["text"][3] = np.nan
    with pytest.raises(EmbeddingSetError, match="item 'i3' is not ranked: it lacks text or image and speech and tones"):
        attribute(made_sets.as_set(gaps), "i3")


def test_items_are_alike_where_both_lack_the_same_modality(arrays):
    gaps = {name: array.copy() for name, array in arrays.items()}
    gaps["speech"][[5, 6]] = np.nan
    for name in ("image", "tones"):
        gaps[name][6] = gaps[name][5]
    s = made_sets.as_set(gaps)
    assert attribute(s, "i5", "i6").alike
    gaps["speech"][6] = arrays["speech"][6]
    assert not attribute(made_sets.as_set(gaps), "i5", "i6").alike
