"""The Volumes page: its numbers are the library's, and they follow what is chosen."""

import re

import numpy as np
import pandas as pd
import pytest

import gram
from app.components.chart import Action
from app.data import distributions as distribution_data
from app.views.volumes import page as page_module
from gram import measures
from gram.retrieval.distributions import distributions
from tests.app.conftest import open_app

pytestmark = pytest.mark.usefixtures("assets")


def page(**query):
    app = open_app("volumes", **query).run()
    assert not app.exception
    return app


def table(app):
    """The numbers beside the picture: name -> one text a model."""
    (html,) = (each.proto.body for each in app.get("html") if "<table class='values'>" in each.proto.body)
    rows = re.findall(r"<th scope='row'[^>]*>(.*?)</th>(.*?)</tr>", html)
    return {name: re.findall(r"<td>(.*?)<small>", cells) for name, cells in rows}


def test_the_first_visit_shows_volumes_of_the_current_model_and_what_to_try(assets):
    app = page()
    data = gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test").normalized()
    expected = distributions(data, candidates=["image", "speech", "tones"])
    assert app.selectbox(key="measure").value == "volume"
    assert table(app)["AUC"] == [f"{expected.auc:.3g}"] or float(table(app)["AUC"][0]) == pytest.approx(
        expected.auc, abs=5e-3
    )
    assert float(table(app)["Matched"][0]) == pytest.approx(np.median(expected.matched), rel=5e-3)
    assert float(table(app)["Random"][0]) == pytest.approx(gram.random_volume(4, data.d), rel=5e-3)
    assert any("Try" in each.value for each in app.markdown)
    assert any("Drag across" in each.value for each in app.info)


def test_another_measure_changes_every_number(assets):
    app = page()
    before = table(app)
    app.selectbox(key="measure").set_value("cosine").run()
    after = table(app)
    assert not app.exception
    assert after["Matched"] != before["Matched"]
    assert float(after["Random"][0]) == 0
    data = gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test").normalized()
    expected = distributions(data, candidates=["image", "speech", "tones"], measure="cosine")
    assert float(after["Matched"][0]) == pytest.approx(np.median(expected.matched), rel=5e-3)


def test_other_candidates_change_the_numbers():
    assert table(page(candidates="image"))["Matched"] != table(page())["Matched"]


def test_both_models_stand_side_by_side():
    app = page()
    app.toggle(key="both").set_value(True).run()
    assert not app.exception
    gram_median, cosine_median = table(app)["Matched"]
    assert gram_median == table(page(model="gram"))["Matched"][0]
    assert cosine_median == table(page(model="cosine"))["Matched"][0]
    assert gram_median != cosine_median


def test_a_chosen_range_lists_its_items_and_its_wrong_pairs(assets):
    data = gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test").normalized()
    found = distributions(data, candidates=["image", "speech", "tones"])
    low = int(np.flatnonzero(found.matched_counts)[0])
    app = page()
    app.session_state["volumes_chosen"] = page_module.Chosen("volume", low, low + 10, "matched")
    app.run()
    assert not app.exception
    matched = int(found.matched_counts[low : low + 10].sum())
    assert matched
    assert any(f"of {matched:,} are shown" in each.value for each in app.caption)
    kinds = app.segmented_control(key="volumes_kind")
    kinds.set_value("mismatched").run()
    pairs = int(found.mismatched_counts[low : low + 10].sum())
    assert any(f"of {pairs:,} are shown" in each.value or not pairs for each in app.caption)


def test_clearing_empties_the_list():
    app = page()
    app.session_state["volumes_chosen"] = page_module.Chosen("volume", 0, 50, "matched")
    app.run()
    assert app.subheader
    next(button for button in app.button if button.label == "Clear").click().run()
    assert not app.subheader
    assert any("Nothing is chosen" in each.value for each in app.info)


def test_a_choice_on_another_axis_is_not_shown():
    app = page()
    app.session_state["volumes_chosen"] = page_module.Chosen("cosine", 0, 50, "matched")
    app.run()
    assert any("Nothing is chosen" in each.value for each in app.info)


@pytest.mark.parametrize(
    ("action", "bins", "kind"),
    [
        (Action("select", span=(0.1, 0.3)), range(5, 15), "matched"),
        (Action("click", meta="mismatched", points=(7,)), range(7, 8), "mismatched"),
        (Action("clear"), None, None),
        (Action("select"), None, None),
    ],
)
def test_what_is_done_in_the_picture_becomes_a_choice(action, bins, kind, monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 5, 8))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    items = pd.DataFrame({"id": range(5)})
    found = distributions(gram.EmbeddingSet({"text": rows[0], "image": rows[1]}, items), candidates=["image"])
    state, url = {}, {}
    monkeypatch.setattr(page_module.st, "session_state", state)
    monkeypatch.setattr(page_module.st, "query_params", url)
    page_module._choose(action, "volume", found)
    chosen = state.get("volumes_chosen")
    assert (chosen.bins if chosen else None) == bins
    assert (chosen.kind if chosen else None) == kind
    assert url == ({"range": f"volume-{kind}-{bins.start}-{bins.stop}"} if bins else {})


def test_every_measure_that_fits_is_offered_and_drawn():
    app = page(candidates="image,speech")
    offered = app.selectbox(key="measure").options
    assert offered == measures.names()
    for name in offered:
        app.selectbox(key="measure").set_value(name).run()
        assert not app.exception
        assert set(table(app)) >= {"AUC", "Matched", "Random"}
        assert any(measures.get(name).fails in each.value for each in app.caption)


def test_a_measure_that_no_longer_fits_is_put_back():
    app = page(candidates="image,speech", measure="triangle")
    assert app.selectbox(key="measure").value == "triangle"
    app.pills(key="sidebar_candidates").set_value(["image", "speech", "tones"]).run()
    assert not app.exception
    assert app.selectbox(key="measure").value == "volume"
    assert "triangle" not in app.selectbox(key="measure").options
    assert table(app)["Matched"] == table(page())["Matched"]


def test_a_link_to_a_measure_that_does_not_fit_shows_the_volume():
    assert table(page(measure="triangle"))["Matched"] == table(page())["Matched"]


def test_both_models_share_an_axis_that_comes_from_the_data(assets):
    app = page(measure="symile", both="true")
    assert len(table(app)["Matched"]) == 2
    found = distribution_data.on_one_axis(("gram", "cosine"), ("image", "speech", "tones"), "symile")
    np.testing.assert_array_equal(found["gram"].edges, found["cosine"].edges)
    values = np.concatenate([each.matched for each in found.values()])
    assert found["gram"].edges[0] <= values.min()
    assert found["gram"].edges[-1] >= values.max()


def test_a_link_names_the_range_and_what_is_listed_of_it():
    app = page(range="volume-mismatched-10-40")
    assert app.subheader
    assert app.segmented_control(key="volumes_kind").value == "mismatched"
    app.segmented_control(key="volumes_kind").set_value("matched").run()
    assert app.query_params["range"] == "volume-matched-10-40"
    next(button for button in app.button if button.label == "Clear").click().run()
    assert "range" not in app.query_params


@pytest.mark.parametrize(
    "bad", ["x", "volume-matched-9-9", "volume-matched-0-51", "taste-matched-0-9", "volume-odd-0-9"]
)
def test_a_range_that_cannot_be_is_answered_in_one_line_and_the_page_stays(bad):
    app = page(range=bad)
    (line,) = (each.value for each in app.warning)
    assert f"no range “{bad}”" in line
    assert "range" not in app.query_params
    assert table(app)


def test_a_measure_that_is_none_is_answered_in_one_line():
    app = page(measure="taste", both="maybe")
    assert ["taste" in each.value for each in app.warning] == [True, False]
    assert app.selectbox(key="measure").value == "volume"


def test_the_range_in_the_address_is_of_the_measure_that_is_shown():
    app = page(range="volume-matched-10-40")
    app.selectbox(key="measure").set_value("cosine").run()
    assert "range" not in app.query_params
    app.selectbox(key="measure").set_value("volume").run()
    assert app.query_params["range"] == "volume-matched-10-40"
    other = page(measure="volume", range="cosine-matched-10-40")
    assert "range" not in other.query_params
    assert not other.subheader
