"""The failures page: its numbers are those of a plain ranking, and change with what a person chooses."""

import io
import json
import re
import time

import numpy as np
import pandas as pd
import pytest

from app.data import sets
from app.text import csv_safe
from app.views.failures.export import parquet_bytes, records
from gram.data.embedding_set import EmbeddingSet
from tests.app.conftest import open_app

CANDIDATES = ("image", "speech", "tones")
FAR = {"left-ranking": "cosine model by volume", "right-ranking": "cosine model by pairwise-mean"}


@pytest.fixture(autouse=True)
def cache(assets, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path_factory.getbasetemp() / "failures"))  # tables are computed once


def page(**query):
    """The page, once all of its parts are there."""
    at = open_app("failures", **{**FAR, **query}).run()
    return finish(at)


def finish(at):
    deadline = time.monotonic() + 240
    while "failures_job" in at.session_state and time.monotonic() < deadline:
        job = at.session_state["failures_job"]
        if not job.running:
            job.result()
            break
        time.sleep(0.1)
    at.run()
    assert not at.exception
    return at


def shown(at, part="markup"):
    """What the components show, joined: the markup of cards, or the figures of charts."""
    held = (json.loads(each.proto.json) for each in at.get("bidi_component") if each.proto.json)
    return "\n".join(str(each[part]) for each in held if isinstance(each, dict) and part in each)


def in_url(at, name):
    """What the address says; a list where a person came with it, a text where the page wrote it."""
    said = at.query_params[name]
    return said[0] if isinstance(said, list) else said


def cells(at):
    """The 2 x 2 as {cell: count}."""
    return {
        name: int(n.replace(",", "")) for name, n in re.findall(r'data-cell="([\w-]+)".*?<b>([\d,]+)</b>', shown(at))
    }


def listed(at):
    """The ids of the list, in order."""
    return re.findall(r'<tr class="case" data-action="case" data-id="(\w+)"', shown(at))


def headline(at):
    return int(re.search(r"<h4>[\w ]+: ([\d,]+) cases?</h4>", shown(at))[1])


def plain(model, measure, query="text", candidates=CANDIDATES):
    """Each item's rank and its best other item, from every pair's vectors, in float64."""
    gallery = sets.load_set(model)
    asked, *others = (gallery.modalities[name].double().numpy() for name in (query, *candidates))
    n = len(asked)
    scores = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            rows = np.stack([asked[i], *(other[j] for other in others)])
            values = np.linalg.svd(rows, compute_uv=False)
            cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
            scores[i, j] = {"volume": -np.prod(values), "singular": values[0], "pairwise-mean": cosines.mean()}[measure]
    ids = gallery.items["id"].astype(str).to_numpy()
    own = scores.diagonal()
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    rest = np.where(np.eye(n, dtype=bool), -np.inf, scores)
    return pd.DataFrame({"rank": ranks, "winner": ids[rest.argmax(1)], "margin": own - rest.max(1)}, index=ids)


def test_the_two_by_two_is_that_of_two_plain_rankings():
    at = page()
    left, right = plain("cosine", "volume")["rank"] == 1, plain("cosine", "pairwise-mean")["rank"] == 1
    assert 0 < (~right).sum() < (~left).sum() < len(left)
    assert cells(at) == {
        "both-found": (left & right).sum(),
        "only-left": (left & ~right).sum(),
        "only-right": (~left & right).sum(),
        "both-missed": (~left & ~right).sum(),
        "left-missed": (~left).sum(),
        "right-missed": (~right).sum(),
    }


def test_a_ranking_can_be_exchanged():
    at = page()
    before = cells(at)["left-missed"]
    at.selectbox(key="failures_left").select("cosine model by singular").run()
    finish(at)
    after = (plain("cosine", "singular")["rank"] > 1).sum()
    assert after != before
    assert cells(at)["left-missed"] == after
    assert in_url(at, "left-ranking") == "cosine model by singular"


def test_the_list_holds_the_failures_worst_first_with_the_winner_of_each():
    at = page()
    expected = plain("cosine", "volume").query("rank > 1").sort_values("margin")
    assert listed(at) == expected.index.tolist()[:25]
    winners = dict(re.findall(r'<tr class="case" data-action="case" data-id="(\w+)" data-winner="(\w+)"', shown(at)))
    assert winners == expected["winner"].head(25).to_dict()


def test_a_filter_by_label_leaves_those_that_contain_it():
    at = page()
    everything = headline(at)
    at.text_input(key="failures_label").input("7").run()
    assert not at.exception
    missed = plain("cosine", "volume").query("rank > 1").index
    expected = [item for item in missed if "7" in item]
    assert 0 < len(expected) < everything
    assert headline(at) == len(expected)
    assert set(listed(at)) == set(expected[:25]) or len(expected) > 25
    assert in_url(at, "label") == "7"
    at.text_input(key="failures_label").input("no such label").run()
    assert any("No case passes these filters" in each.value for each in at.info)
    next(each for each in at.button if each.key == "failures_clear").click().run()
    assert headline(at) == everything


def test_a_cause_leaves_its_cases():
    at = page()
    counted = {cause: int(n) for cause, n in re.findall(r'data-focus="cause-([\w ]+)".*?<b>([\d,]+)</b>', shown(at))}
    assert sum(counted.values()) == headline(at)
    cause = max(counted, key=counted.get)
    at.selectbox(key="failures_cause").select(cause).run()
    assert headline(at) == counted[cause]


def test_a_recorded_number_filters_and_is_drawn_against():
    items = sets.load_set("cosine").items.set_index("id")
    low, high = np.quantile(items["speech_snr"], [0.2, 0.7]).tolist()
    at = page(column="speech_snr", within=f"{low}~{high}")
    missed = plain("cosine", "volume").query("rank > 1").index
    inside = items.loc[missed, "speech_snr"].between(low, high)
    assert 0 < inside.sum() < len(missed)
    assert headline(at) == inside.sum()
    assert "speech: dB over the noise" in shown(at, "figure")


def test_what_is_taken_for_what_filters():
    ranking = plain("cosine", "volume").query("rank > 1")
    pairs = [(a + b, item) for item, winner in ranking["winner"].items() for a, b in zip(item, winner) if a != b]
    taken = pairs[0][0]
    at = page(taken=taken)
    assert set(listed(at)) == {item for pair, item in pairs if pair == taken}


def test_a_cell_in_the_link_lists_the_other_rankings_failures():
    at = page(cell="right-missed")
    missed = plain("cosine", "pairwise-mean").query("rank > 1").index
    assert set(listed(at)) == set(missed)
    assert len(missed)
    assert "by the cosine model by pairwise-mean" in shown(at)


def test_the_current_item_is_the_case_when_the_list_has_it():
    missed = plain("cosine", "volume").query("rank > 1").sort_values("margin")
    item = missed.index[3]
    at = page(item=item)
    assert f"<h3>{item} lost to" in shown(at)
    assert "case 4 of" in shown(at)
    stated = re.search(r'<p class="stated"><b class="tag"[^>]*>([^<]+)</b> ([^<]+)</p>', shown(at))
    assert stated[2].strip().endswith(".")
    found = plain("cosine", "volume").query("rank == 1").index[0]
    at = page(item=found)
    assert any(f"The current item, {found}, is not among these" in each.label for each in at.button)
    next(each for each in at.button if each.key == "failures_show").click().run()
    assert f"<h3>{found} is first" in shown(at)


def test_the_other_direction_asks_with_another_modality():
    at = page(asks="speech")
    ranks = plain("cosine", "pairwise-mean", "speech", ("text", "image", "tones"))["rank"]
    assert cells(at)["right-missed"] == (ranks > 1).sum()


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({"cell": "nowhere"}, "There is no cell “nowhere”"),
        ({"cause": "weather"}, "There is no cause “weather”"),
        ({"column": "seed"}, "There is no column “seed”"),
        ({"column": "speech_snr", "within": "1~2x"}, "There is no range “1\\~2x”"),
        ({"taken": "4"}, "“4” cannot be taken for another"),
        ({"rows": "lots"}, "“lots” rows cannot be listed"),
        ({"left-ranking": "gram model by luck"}, "There is no left ranking “gram model by luck”"),
    ],
)
def test_a_link_that_makes_no_sense_gets_one_line(query, line):
    at = open_app("failures", **{**FAR, **query}).run()
    assert [each.value for each in at.warning if line in each.value]
    assert cells(finish(at))


def test_remedies_and_findings_are_shown_with_their_numbers():
    at = page()
    body = "\n".join(each.body for each in at.get("html"))
    assert re.search(r"untouched [\d.]+\s%", body)
    assert "CSLS" in body
    assert "looked at: all 60 items" in shown(at)


def test_no_text_in_a_csv_begins_as_a_formula_and_numbers_stay():
    table = pd.DataFrame({"=id": ["=1+1", "+x", "-2", "@a", "\tb", "plain", None], "margin": [-0.5, 1, 2, 3, 4, 5, 6]})
    back = pd.read_csv(io.StringIO(csv_safe(table)), dtype={"'=id": str})
    assert back["'=id"].tolist()[:6] == ["'=1+1", "'+x", "'-2", "'@a", "'\tb", "plain"]
    assert back["margin"].tolist() == table["margin"].tolist()


def test_records_carry_all_that_is_known_of_the_items():
    items = pd.DataFrame({"id": ["a", "b"], "rank": [7, 8], "noise": [0.5, 0.25]})
    gallery = EmbeddingSet({"text": np.eye(2, 4, dtype=np.float32)}, items)
    rows = pd.DataFrame({"id": ["b"], "rank": [2.0], "row": [1]})
    kept = pd.read_parquet(io.BytesIO(parquet_bytes(records(rows, gallery))))
    assert kept.to_dict("records") == [{"id": "b", "rank": 2.0, "item_rank": 8, "noise": 0.25}]
