"""All measures on Retrieval: computed when asked for, its numbers those of a plain ranking, kept for the next visit."""

import re
import time

import numpy as np
import pytest
import streamlit as st

from app.data import measures, sets
from app.jobs.measure_store import keep_row, rows_file
from tests.app.conftest import open_app

TWINS = ("gram", "cosine")


@pytest.fixture(autouse=True)
def cache(assets, tmp_path, monkeypatch):
    """A section of its own: the rest of the page needs the models, which the toy assets do without."""
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("app.views.retrieval.page._page", lambda: None)


def page(**query):
    at = open_app("retrieval", **query).run()
    assert not at.exception
    return at


def button(at, label):
    return next((each for each in at.button if each.label == label), None)


def html(at, kind):
    return next((each.body for each in at.get("html") if f'class="{kind}"' in each.body), "")


def lines(at):
    """The table as {(title, model): [cells]}, and the order of its lines."""
    found = {}
    for line in re.findall(r"<tr[^>]*><th scope=\"row\".*?</tr>", html(at, "measures")):
        title, model = re.search(r">([^<]+)<small>(\w+) model</small>", line).groups()
        found[title, model] = re.findall(r"<td class=\"([^\"]*)\"[^>]*>([^<]*)", line)
    return found


def number(cell):
    return float(cell[1].removesuffix("\u00a0%").replace(",", ""))


def finish(at):
    job = at.session_state["measures_job"]
    deadline = time.monotonic() + 120
    while job.running and time.monotonic() < deadline:
        time.sleep(0.05)
    at.run()
    assert not at.exception
    return at


def measured(**query):
    at = page(**query)
    button(at, "Measure all").click().run()
    return finish(at)


def plain_recall(model, measure, *, k=1, turned=False, names=("image", "speech", "tones")):
    gallery = sets.load_set(model).modalities
    text, others = gallery["text"].double().numpy(), [gallery[name].double().numpy() for name in names]
    n = len(text)
    scores = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            rows = np.stack([text[i], *(other[j] for other in others)])
            if measure == "volume":
                scores[i, j] = -np.prod(np.linalg.svd(rows, compute_uv=False))
            else:
                scores[i, j] = (rows[1:] @ rows[0]).mean()
    scores = scores.T if turned else scores
    ranks = 1 + (scores > scores.diagonal()[:, None] + 1e-12).sum(axis=1)
    return 100 * float(np.mean(ranks <= k))


def test_nothing_is_computed_until_asked_and_the_offer_says_so():
    at = page()
    assert any("All measures on this set" in each.value for each in at.subheader)
    assert any("Not measured yet" in each.value for each in at.markdown)
    assert not lines(at)
    assert "measures_job" not in at.session_state
    assert "Triangle area" in html(at, "panel")
    assert "defined for k = 3, and here k = 4" in html(at, "panel")


def test_the_table_holds_what_plain_rankings_give_for_both_models_and_directions():
    at = measured()
    found = lines(at)
    assert {model for _, model in found} == set(TWINS)
    assert len(found) == 18
    for model in TWINS:
        for measure, title in (("volume", "Volume"), ("cosine", "Mean cosine")):
            cells = found[title, model]
            for at_cell, turned in ((0, False), (4, True)):
                for place, k in enumerate((1, 5, 10)):
                    expected = plain_recall(model, measure, k=k, turned=turned)
                    assert number(cells[at_cell + place]) == pytest.approx(expected, abs=0.051)
    assert button(at, "Measure all") is None
    assert any(each.label == "Download CSV" for each in at.get("download_button"))


def test_what_leads_is_marked_and_sorting_puts_it_first():
    at = measured()
    first = [number(cells[0]) for cells in lines(at).values()]
    assert first == sorted(first, reverse=True)
    best = [cells for cells in lines(at).values() if number(cells[0]) == max(first)]
    assert all("best" in cells[0][0] for cells in best)
    assert not all("best" in cells[0][0] for cells in lines(at).values())
    at.segmented_control(key="sort").set_value("rest → text").run()
    other = [number(cells[4]) for cells in lines(at).values()]
    assert other == sorted(other, reverse=True)
    at.segmented_control(key="sort").set_value("measure").run()
    assert [*lines(at)][:4] == [("Volume", "gram"), ("Volume", "cosine"), ("Height", "gram"), ("Height", "cosine")]


def test_whether_volume_is_ahead_of_cosine_is_said_from_the_intervals():
    at = measured()
    rows = {model: {row.task: row for row in measures.rows(model, ("image", "speech", "tones"))} for model in TWINS}
    said = re.findall(r'<li class="(\w+)">.*?<strong>([\d.]+)\u00a0%</strong> against', html(at, "verdicts"))
    expected = []
    for model in TWINS:
        for way in ("query-to-candidates", "candidates-to-query"):
            volume, cosine = rows[model]["volume", way], rows[model]["cosine", way]
            (low, high), (least, most) = volume.intervals["R@1"], cosine.intervals["R@1"]
            kind = "ahead" if low > most else "behind" if high < least else "level"
            expected.append((kind, f"{100 * volume.values['R@1']:.1f}"))
    assert said == expected


def test_a_later_visit_finds_the_table_also_after_a_restart():
    before = lines(measured())
    st.cache_data.clear()
    st.cache_resource.clear()
    at = page()
    assert lines(at) == before
    assert button(at, "Measure all") is None
    assert "measures_job" not in at.session_state


def test_other_candidates_have_a_table_of_their_own_with_the_triangle():
    measured()
    at = page(candidates="image,speech")
    assert button(at, "Measure all") is not None
    button(at, "Measure all").click().run()
    found = lines(finish(at))
    assert ("Triangle area", "gram") in found
    expected = plain_recall("gram", "volume", names=("image", "speech"))
    assert number(found["Volume", "gram"][0]) == pytest.approx(expected, abs=0.051)


def test_a_run_can_be_stopped_and_the_rest_measured_later():
    at = page()
    button(at, "Measure all").click().run()
    job = at.session_state["measures_job"]
    button(at, "Stop").click().run()
    assert not at.exception
    assert not job.running
    assert button(at, "Stop") is None
    kept = {model: measures.rows(model, ("image", "speech", "tones")) for model in TWINS}
    assert kept == {model: tuple(rows) for model, rows in job.rows.items()}
    done = sum(map(len, kept.values()))
    assert done < 36
    button(at, "Measure the rest" if done else "Measure all").click().run()
    assert len(lines(finish(at))) == 18


def test_the_rows_of_a_run_that_was_cut_short_are_shown_and_only_the_rest_is_measured():
    candidates = ("image", "speech", "tones")
    measured()
    whole = {model: measures.rows(model, candidates) for model in TWINS}
    for model in TWINS:
        rows_file(measures.key(model, candidates)).unlink()
        for row in whole[model][:3]:
            keep_row(measures.key(model, candidates), row)
    at = page()
    assert any("6 of 36 rankings are done" in each.value for each in at.markdown)
    assert len(lines(at)) == len({row.measure for row in whole["gram"][:3]}) * 2
    button(at, "Measure the rest").click().run()
    assert [len(rows) for rows in at.session_state["measures_job"].rows.values()] >= [3, 3]
    finish(at)
    again = {model: measures.rows(model, candidates) for model in TWINS}
    assert {model: {row.task for row in rows} for model, rows in again.items()} == {
        model: {row.task for row in rows} for model, rows in whole.items()
    }


def test_a_failed_run_says_why_and_can_be_tried_again(monkeypatch):
    monkeypatch.setenv("GRAM_DEVICE", "none")
    at = measured()
    assert any("measuring failed" in each.value for each in at.error)
    monkeypatch.setenv("GRAM_DEVICE", "cpu")
    button(at, "Measure all").click().run()
    assert len(lines(finish(at))) == 18
    assert not at.error


def test_an_order_that_is_none_is_answered_in_one_line():
    measured()
    at = page(sort="taste")
    assert any("“taste”" in each.value for each in at.warning)
    assert len(lines(at)) == 18
    assert "sort" not in at.query_params


def test_a_run_for_other_candidates_is_not_taken_for_this_one():
    at = measured()
    at.pills(key="sidebar_candidates").set_value(["image", "speech"]).run()
    assert not at.exception
    assert not lines(at)
    assert button(at, "Measure all") is not None
