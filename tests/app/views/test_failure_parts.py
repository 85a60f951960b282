"""The parts of the failures page that need no page: recorded numbers, the view's ranges, what a board says."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from app.data.columns import columns, rates_of, telling
from app.state import failure_view
from app.state.failure_view import PARTS, View
from app.views.failures import outcome_matrix
from app.views.failures.case_list import difference, select, taken_for
from app.views.failures.filters import chips
from app.views.failures.patterns import without_value
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import Cases, RankingComparison, compare_outcomes


def view_of(**fields: str) -> View:
    return View(**{"left": "gram model by volume", "right": "cosine model by cosine", **fields})


def make_set(**recorded):
    n = len(next(iter(recorded.values())))
    items = pd.DataFrame({"id": [f"i{row}" for row in range(n)], **recorded})
    return EmbeddingSet({"text": np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)}, items)


def test_recorded_numbers_are_those_that_vary_and_do_not_name_the_items():
    n = 40
    found = columns(
        make_set(
            label=["x"] * n,
            seed=np.arange(n) * 7919,
            constant=np.full(n, 2.5),
            noise=np.linspace(0, 1, n),
            speech_dropped=np.arange(n) % 5 - 1,
            grade=np.arange(n) % 3,
            gaps=[[1, 2]] * n,
        )
    )
    assert list(found) == ["noise", "speech_dropped", "grade"]
    assert found["noise"].ends == (0, 1)
    assert not found["noise"].words
    assert list(found["speech_dropped"].words.values()) == ["none", "first", "second", "third", "last"]
    assert list(found["grade"].words.values()) == ["0", "1", "2"]
    assert found["speech_dropped"].told(-1, 0) == "none, first"
    assert found["noise"].told(0.25, 0.5) == "0.250 to 0.500"


def test_a_range_lets_its_ends_through_and_no_missing_value():
    column = columns(make_set(noise=[0.1, 0.25, 0.4, np.nan, *np.linspace(1, 2, 20)]))["noise"]
    assert np.flatnonzero(column.within((0.1, 0.4))).tolist() == [0, 1, 2]


def test_what_is_recorded_of_a_modality_is_not_counted_where_the_item_lacks_it():
    n = 40
    noise = np.linspace(0, 1, n)
    made = make_set(image_noise=noise, image_noise_all=noise, imagery=noise, cut=noise)
    images = np.ones((n, 4), dtype=np.float32)
    images[::4] = np.nan
    made = EmbeddingSet({"text": made.modalities["text"], "image": images, "image_noise": 2 * images}, made.items)
    there, found = ~np.isnan(images[:, 0]), columns(made)
    for name, kept in (
        ("image_noise", there),
        ("image_noise_all", there),
        ("imagery", there | True),
        ("cut", there | True),
    ):
        assert (~np.isnan(found[name].values)).tolist() == kept.tolist()
    right = np.arange(n) % 3 > 0
    table = pd.DataFrame({"row": np.arange(n), "right": right})
    rates = rates_of(table, found["image_noise"])
    assert rates["items"].sum() == there.sum() == 30
    assert rates["failures"].sum() == (~right & there).sum()
    assert set(np.flatnonzero(found["image_noise"].within((0.0, 1.0)))) == set(np.flatnonzero(there))
    cases = Cases(table, "text", ("image",), "volume", n, 0, None)
    assert without_value(found["image_noise"], cases, made).startswith("10 of 40 items lack image,")
    assert without_value(found["cut"], cases, made) == ""


@pytest.mark.parametrize(("low", "high"), [(-9.184233123456, 1e-5), (0.0, 12.0), (-1.0, -1.0), (1e-17, 3e20)])
def test_a_range_survives_the_address_exactly(low, high):
    assert view_of(within=failure_view.span(low, high)).span == (low, high)


@pytest.mark.parametrize("said", ["", "3", "a~b", "1~", "1~2~3", "nan~1"])
def test_what_is_no_range_is_none(said):
    assert view_of(within=said).span is None


def test_whose_failures_follows_from_the_cell():
    assert [view_of(cell=cell).whose for cell in ("left-missed", "only-right", "right-missed", "only-left")] == [
        "left", "left", "right", "right",
    ]  # fmt: skip
    assert view_of(cell="both-missed", side="right").whose == "right"
    assert view_of(cell="both-missed", side="right").judge.title == view_of().right


def test_characters_that_differ_are_found_and_marked():
    labels, winners = pd.Series(["4721", "4721", "47"]), pd.Series(["4921", "9721", "49x"])
    assert taken_for(labels, winners, "7", "9").tolist() == [True, False, False]
    assert difference("4721", "4921") == "4<mark>9</mark>21"
    assert difference("4721", "<b>") == "&lt;b&gt;"


def outcomes(both=80, left=15, right=3, neither=2):
    class Side:
        def __init__(self, right):
            self.table = pd.DataFrame({"id": [str(row) for row in range(len(right))], "right": right})

        def __len__(self):
            return len(self.table)

    found: RankingComparison = compare_outcomes(
        Side([True] * (both + left) + [False] * (right + neither)),
        Side([True] * both + [False] * left + [True] * right + [False] * neither),
    )
    return found


def test_the_verdict_says_who_is_ahead_by_how_much_and_whether_that_shows():
    sure = outcome_matrix.verdict(outcomes(), view_of())
    assert "The left ranking finds <b>12.0</b> points of R@1" in sure
    assert "the left finds 15 and the right 3" in sure
    assert "This shows a difference" in sure
    assert "p = 0.0075" in sure  # 2 * sum of C(18, i) / 2^18 for i up to 3 = 1976 / 262144
    assert "about once in 130" in sure
    unsure = outcome_matrix.verdict(outcomes(left=5, right=6), view_of())
    assert "The right ranking finds <b>1.1</b> points" in unsure
    assert "This shows no difference" in unsure
    low, high = (float(each.replace("−", "-")) for each in re.search(r"interval (\S+) to (\S+)\)", unsure).groups())
    assert low < 0 < high
    assert high > -low  # of the right's lead, 1.1 points
    assert "more often than not" in unsure
    assert "the same ranking" in outcome_matrix.verdict(outcomes(), view_of(right=view_of().left))
    assert "No item is found by one of them alone" in outcome_matrix.verdict(outcomes(left=0, right=0), view_of())


def test_the_board_counts_every_cell_and_the_totals_that_were_missed():
    found = outcomes()
    markup = outcome_matrix.matrix(found, view_of(cell="only-left"))
    for cell, count in {"both-found": 80, "only-left": 15, "only-right": 3, "both-missed": 2,
                        "left-missed": 5, "right-missed": 17}.items():  # fmt: skip
        assert f'aria-label="{failure_view.CELLS[cell]}: {count} items"' in markup
        assert count == sum(found.counts[part] for part in PARTS[cell])
    assert markup.count('aria-pressed="true"') == 1


@pytest.mark.parametrize(("wins", "ids"), [("", "abcd"), ("2~2", "b"), ("3~4", "cd"), ("5~8", "")])
def test_cases_are_filtered_by_how_often_their_winner_is_first(wins, ids):
    table = pd.DataFrame({"id": list("abcd"), "winner_occurrences": [1, 2, 3, 4], "margin": [-4.0, -3, -2, -1]})
    cases = Cases(table, "text", ("image",), "cosine", gallery=4, left_out=0, statistics=None)
    asked = view_of(wins=wins)
    assert "".join(select(cases, set("abcd"), asked, {})["id"]) == ids
    said = {"": [], "2~2": ["2 queries"], "3~4": ["3 to 4 queries"], "5~8": ["5 to 8 queries"]}[wins]
    assert chips(asked, {}) == [(f"winner first for {each}", "wins") for each in said]


def made_cases(**columns):
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({"id": [f"i{row}" for row in range(n)], "margin": np.arange(n) - 9.0, **columns})
    return Cases(table, "text", ("image",), "cosine", gallery=n, left_out=0, statistics=None)


def test_a_label_is_looked_for_as_it_is_written():
    cases = made_cases(label=["4(1", "41", "A.b", "aXb"])
    ids = set(cases.table["id"])
    assert select(cases, ids, view_of(label="("), {})["id"].tolist() == ["i0"]
    assert select(cases, ids, view_of(label="a.B"), {})["id"].tolist() == ["i2"]


def test_those_of_one_rank_come_by_margin_whichever_way_ranks_go():
    cases = made_cases(rank=[2.0, 3, 2, 3])
    cases.table["margin"] = [-1.0, -3, -2, -4]
    ids = set(cases.table["id"])
    assert select(cases, ids, view_of(sort="rank"), {})["id"].tolist() == ["i2", "i0", "i3", "i1"]
    assert select(cases, ids, view_of(sort="-rank"), {})["id"].tolist() == ["i3", "i1", "i2", "i0"]


def test_a_sample_is_said_to_be_one():
    cases = made_cases(right=[True] * 100)
    assert outcome_matrix.scope(outcomes(), cases) == ""
    said = outcome_matrix.scope(outcomes(), replace(cases, gallery=100_000))
    assert "100 of 100,000 queries" in said
    assert "findings look at 2,000 items, the remedies at 4,000" in said


def test_what_goes_along_most_may_go_down_as_failures_go_up():
    right = np.arange(40) < 20
    cases = made_cases(right=right, row=np.arange(40))
    recorded = {"falling": np.linspace(1, 0, 40), "weak": np.random.default_rng(0).normal(size=40) + 0.8 * ~right}
    assert telling(cases, columns(make_set(**recorded))) == "falling"
    assert telling(cases, columns(make_set(weak=recorded["weak"], rising=-recorded["falling"]))) == "rising"
