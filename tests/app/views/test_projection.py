"""The Projection page: instant where a layout is stored, computed on demand elsewhere, its numbers the library's."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import gram
from app.components.chart import Action
from app.data import layouts
from app.views.projection import page as page_module
from app.views.projection import work
from gram.errors import GramError
from gram.projection import find_layout, project
from gram.projection.layout import Settings
from gram.projection.store import store_layout
from tests.app.conftest import open_app


@pytest.fixture(autouse=True)
def cache(assets, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def gallery(assets):
    return gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test")


@pytest.fixture
def stored(gallery):
    """PCA in 2D and 3D, stored as if computed before."""
    return {dims: project(gallery, "pca", dims=dims) for dims in (2, 3)}


def page(**query):
    app = open_app("projection", **query).run()
    assert not app.exception
    return app


def metric(app, label):
    (found,) = (each.value for each in app.metric if each.label.startswith(label))
    return found


def test_a_stored_layout_is_shown_at_once_with_its_trustworthiness(stored):
    app = page(method="PCA")
    assert float(metric(app, "Trustworthiness")) == pytest.approx(stored[2].trustworthiness, abs=5e-4)
    assert not [button for button in app.button if button.label == "Compute it"]
    assert any("Try" in each.value for each in app.markdown)
    shares = " + ".join(f"{share:.0%}" for share in stored[2].explained)
    assert any(shares in each.value for each in app.caption)


def test_the_page_says_what_was_fitted_what_was_placed_and_how_far_each_is_trusted(gallery, stored):
    settings = Settings(method="umap")
    store_layout(
        replace(
            stored[2],
            settings=settings,
            key=settings.key(gallery),
            explained=(),
            placed=140,
            trust_fitted=0.951,
            trust_placed=0.932,
        )
    )
    app = page(method="UMAP")
    (line,) = (each.value for each in app.caption if "fitted on" in each.value)
    assert "UMAP was fitted on 100 of 240 points; the others are placed" in line
    assert "(trustworthiness 0.951 and 0.932)" in line
    app.segmented_control(key="method").set_value("pca").run()
    assert not [each for each in app.caption if "fitted on" in each.value]


def test_before_a_large_set_is_computed_the_page_says_that_a_sample_is_fitted(stored, monkeypatch):
    (line,) = (each.value for each in page(method="UMAP").info if "not been computed" in each.value)
    assert "fitted" not in line
    monkeypatch.setattr(page_module, "Settings", partial(Settings, fitted=100))
    (line,) = (each.value for each in page(method="UMAP").info if "not been computed" in each.value)
    assert "fitted on at most 100 of its 240 points" in line


def test_three_dimensions_are_another_layout(stored):
    app = page(method="PCA")
    flat = metric(app, "Trustworthiness")
    app.segmented_control(key="dims").set_value(3).run()
    assert not app.exception
    assert metric(app, "Trustworthiness") != flat
    assert float(metric(app, "Trustworthiness")) == pytest.approx(stored[3].trustworthiness, abs=5e-4)


def test_the_numbers_of_the_current_item_are_the_librarys(stored, gallery):
    item = str(gallery.items["id"].iloc[5])
    app = page(method="PCA", item=item)
    unit = gallery.normalized()
    vectors = np.stack([unit.modalities[name][5].numpy() for name in ("text", "image", "speech", "tones")])
    assert float(metric(app, "Volume")) == pytest.approx(float(gram.volume(vectors)), rel=5e-3)
    report = gram.evaluate(unit, query="text", candidates=["image", "speech", "tones"], measure="volume")
    assert float(metric(app, "Rank")) == float(report.ranks[5])


@pytest.mark.parametrize("colour", ["digit", "voice", "volume", "rank"])
def test_every_colouring_is_drawn(colour, stored):
    app = page(method="PCA", colour=colour)
    assert app.selectbox(key="colour").value == colour
    assert metric(app, "Trustworthiness")


def test_ranking_by_another_measure_changes_the_rank_that_is_named(stored):
    app = page(method="PCA", colour="rank")
    assert [each.label for each in app.metric][-1] == "Rank by volume"
    app.selectbox(key="measure").set_value("cosine").run()
    assert [each.label for each in app.metric][-1] == "Rank by cosine"


@pytest.fixture
def held(monkeypatch, tmp_path):
    """Rankings that are too long to wait for: each says that it is half done, and goes on when this file is there."""
    monkeypatch.setattr("app.jobs.ranking.FUNCTION", "tests.helpers.job_functions:rank_when_told")
    monkeypatch.setenv("GO_ON", str(tmp_path / "go_on"))
    monkeypatch.setattr(layouts, "AT_ONCE", 0)
    return tmp_path / "go_on"


def coloured_by_rank(app):
    return any("rank of its item by" in each.proto.json for each in app.get("bidi_component"))


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ranking_many_items_says_how_far_it_is_then_colours_the_points(stored, held):
    app = page(method="PCA", colour="rank")
    job = app.session_state["projection_ranking"][1]
    wait_until(lambda: job.share == 0.5)
    app.run()
    [bar] = app.get("progress")
    assert bar.proto.text.startswith("Ranking 60 of 60 items: 50%")
    assert not coloured_by_rank(app)
    assert metric(app, "Rank by volume")  # that of one item is not waited for
    held.touch()
    wait_until(lambda: not job.running)
    app.run()
    assert not app.exception
    assert not app.get("progress")
    assert coloured_by_rank(app)
    assert "projection_ranking" not in app.session_state


def test_ranking_can_be_stopped_and_begun_again(stored, held):
    app = page(method="PCA", colour="rank")
    job = app.session_state["projection_ranking"][1]
    app.button(key="projection_ranking_stop").click().run()
    assert not job.running
    assert any("Ranking by volume was stopped" in each.value for each in app.caption)
    held.touch()
    app.button(key="projection_ranking_on").click().run()
    wait_until(lambda: coloured_by_rank(app.run()))
    assert not app.exception


def test_ranking_by_another_measure_takes_the_place_of_what_is_under_way(stored, held):
    app = page(method="PCA", colour="rank")
    before = app.session_state["projection_ranking"][1]
    app.selectbox(key="measure").set_value("cosine").run()
    assert not before.running
    assert app.session_state["projection_ranking"][0][3] == "cosine"


def test_a_ranking_that_fails_says_why_in_a_line(stored, monkeypatch):
    monkeypatch.setattr("app.jobs.ranking.FUNCTION", "tests.helpers.job_functions:refuse_to_rank")
    monkeypatch.setattr(layouts, "AT_ONCE", 0)
    app = page(method="PCA", colour="rank")
    job = app.session_state["projection_ranking"][1]
    wait_until(lambda: not job.running)
    app.run()
    assert not app.exception
    assert [each.value for each in app.error] == ["ranking failed: no space left"]


def test_a_picture_that_is_not_stored_is_computed_when_asked_for(gallery):
    app = page(method="PCA")
    assert any("has not been computed" in each.value for each in app.info)
    assert not app.metric
    next(button for button in app.button if button.label == "Compute it").click().run()
    assert not app.exception
    job = app.session_state["projection_job"]
    deadline = time.monotonic() + 120
    while job.running and time.monotonic() < deadline:
        time.sleep(0.1)
    app.run()
    assert not app.exception
    kept = find_layout(gallery, Settings(method="pca"))
    assert float(metric(app, "Trustworthiness")) == pytest.approx(kept.trustworthiness, abs=5e-4)
    assert "projection_job" not in app.session_state


def test_a_computation_can_be_stopped(gallery, stored):
    app = page(method="UMAP")
    next(button for button in app.button if button.label == "Compute it").click().run()
    job = app.session_state["projection_job"]
    next(button for button in app.button if button.label == "Stop").click().run()
    assert not app.exception
    assert not job.running
    assert find_layout(gallery, Settings(method="umap")) is None


def test_selected_items_are_listed_with_the_smallest_volume_first(stored):
    app = page(method="PCA")
    app.session_state["projection_selected"] = ("gram", list(range(20)))
    app.run()
    assert not app.exception
    assert app.subheader[0].value == "20 selected items"
    assert any("12 of 20 are shown" in each.value for each in app.caption)
    next(button for button in app.button if button.label == "Show 20").click().run()
    assert any("20 of 20 are shown" in each.value for each in app.caption)
    next(button for button in app.button if button.label == "Clear").click().run()
    assert not app.subheader


def test_a_selection_of_the_other_model_is_not_shown(stored):
    app = page(method="PCA")
    app.session_state["projection_selected"] = ("cosine", [1, 2])
    app.run()
    assert not app.subheader


def test_what_is_done_in_the_picture_becomes_a_selection_or_the_current_item(gallery, monkeypatch):
    ids = gallery.items["id"].astype(str)
    state, current = {}, []
    monkeypatch.setattr(page_module.st, "session_state", state)
    monkeypatch.setattr(page_module.selected, "select_item", current.append)
    page_module._act(Action("select", points=(3, 5)), "gram", ids)
    assert state["projection_selected"] == ("gram", [3, 5])
    page_module._act(Action("select"), "gram", ids)
    assert state["projection_selected"] == ("gram", [3, 5])
    page_module._act(Action("click", points=(7,)), "gram", ids)
    assert current == [ids.iloc[7]]
    page_module._act(Action("clear"), "gram", ids)
    assert not state


def test_a_measure_that_does_not_fit_the_candidates_is_put_back(stored):
    app = page(method="PCA", colour="rank", candidates="image,speech", measure="triangle")
    assert [each.label for each in app.metric][-1] == "Rank by triangle"
    app.pills(key="sidebar_candidates").set_value(["image"]).run()
    assert not app.exception
    assert [each.label for each in app.metric][-1] == "Rank by volume"


def test_a_link_reopens_the_digit_and_the_options_of_umap(stored):
    app = page(method="PCA", colour="digit", digit="3", neighbors="40", distance="0.5", seed="7")
    assert app.segmented_control(key="digit").value == "3"
    assert (app.slider(key="neighbors").value, app.slider(key="distance").value) == (40, 0.5)
    assert app.number_input(key="seed").value == 7
    assert not app.warning


@pytest.mark.parametrize(
    "bad",
    [
        {"dims": "4D"},
        {"colour": "taste"},
        {"lines": "all"},
        {"measure": "taste"},
        {"digit": "9"},
        {"neighbors": "9999"},
        {"distance": "far"},
        {"seed": "-1"},
        {"seed": "nan"},
    ],
)
def test_a_bad_value_in_the_url_is_answered_in_one_line_and_the_picture_is_there(bad, stored):
    app = page(method="PCA", **bad)
    (line,) = (each.value for each in app.warning)
    assert f"“{next(iter(bad.values()))}”" in line
    assert metric(app, "Trustworthiness")
    assert not set(bad) & set(app.query_params)


def test_the_rank_is_by_the_measure_of_the_url_whatever_the_colour(stored):
    app = page(method="PCA", measure="cosine")
    assert [each.label for each in app.metric][-1] == "Rank by cosine"


def test_a_computation_that_failed_says_so_until_the_next_one(gallery, stored, monkeypatch):
    class Failed:
        running = False

        def result(self):
            raise GramError("projection failed: no memory")

    app = page(method="PCA")
    app.session_state["projection_job"] = Failed()
    for _ in range(3):
        app.run()
        assert [each.value for each in app.error] == ["projection failed: no memory"]


def test_a_double_click_starts_one_computation(gallery, monkeypatch):
    state, started = {}, []

    class Job:
        running = True

        def __init__(self, *_):
            started.append(self)

    monkeypatch.setattr(work.st, "session_state", state)
    monkeypatch.setattr(work, "ProjectionJob", Job)
    for _ in range(2):
        work._start("gram", Settings(method="pca"), gallery)
    assert len(started) == 1
    assert state["projection_job"] is started[0]
