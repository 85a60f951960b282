"""The lessons of the geometry page: what a link opens, what a preset says, and what stays out of the URL."""

import math
import re

import numpy as np
import pytest

import gram
from app.state.selection import Selection
from app.views.geometry import playground_state, presets
from gram.plots import number
from tests.app.conftest import open_app

pytestmark = pytest.mark.usefixtures("assets")


@pytest.fixture
def selected(assets):
    """The first item of the set beside the fourth, and the set."""
    embedding_set = gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test").normalized()
    item, partner = embedding_set.items["id"].astype(str).iloc[[0, 3]]
    return Selection("numbers", "gram", ("image", "speech", "tones"), item, partner), embedding_set


def page(**query):
    app = open_app("geometry", **query).run()
    assert not app.exception
    return app


def query(app, key):
    value = app.query_params.get(key)
    return value[0] if isinstance(value, list) else value


def rows(text):
    return np.array([[float(value) for value in row.split(",")] for row in text.split(";")])


def oracle_volume(vectors):
    return float(np.prod(np.abs(np.diag(np.linalg.qr(vectors.T)[1])))) if len(vectors) <= vectors.shape[1] else 0.0


@pytest.mark.parametrize("lesson", ["pair", "play", "predict", "learn", "higher"])
def test_a_link_opens_its_lesson(lesson):
    app = page(lesson=lesson)
    assert app.session_state["geometry_lesson"] == lesson
    assert not app.warning


def test_a_link_to_no_lesson_is_answered_in_one_line():
    app = page(lesson="dance")
    assert [each.value for each in app.warning] == ["There is no lesson “dance” here; choose one above."]
    assert app.session_state["geometry_lesson"] == "pair"


def test_another_lesson_takes_the_state_of_the_last_one_out_of_the_url():
    app = page(lesson="play")
    item = query(app, "item")
    assert query(app, "vectors")
    app.segmented_control(key="geometry_lesson").set_value("learn").run()
    assert not app.exception
    assert query(app, "lesson") == "learn"
    assert query(app, "vectors") is None
    app.segmented_control(key="geometry_lesson").set_value("pair").run()
    assert query(app, "lesson") is None
    assert query(app, "item") == item


def test_a_preset_puts_its_vectors_into_the_url_and_says_its_point():
    app = page(lesson="play")
    (control,) = (each for each in app.pills if each.label == "Start from")
    assert control.value == "sixty"
    control.set_value("hub").run()
    vectors = rows(query(app, "vectors"))
    assert oracle_volume(vectors) == pytest.approx(0, abs=1e-9)
    assert any("hub" in each.value and "volume 0" in each.value for each in app.markdown)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,0,0", "two or three vectors"),
        (";".join(["1,0,0"] * 10), "two or three vectors"),
        ("1,0;0,1", "two or three vectors"),
        ("a,0,0;0,1,0", "must be numbers"),
        ("nan,0,0;0,1,0", "length –"),
        ("inf,0,0;0,1,0", "length ∞"),
        ("1e300,0,0;0,1,0", "from 0.02 to 2"),
        ("0,0,0;0,1,0", "length 0"),
        ("1,0,0;" * 5000, "two or three vectors"),
    ],
)
def test_a_link_that_makes_no_sense_is_one_line_and_the_first_preset(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        playground_state.parse(text, free=True)
    app = page(lesson="play", vectors=text)
    (line,) = (each.value for each in app.warning)
    assert said in line
    assert oracle_volume(rows(query(app, "vectors"))) == pytest.approx(math.sqrt(0.5), abs=1e-4)


def test_lengths_are_kept_where_they_are_free_and_else_brought_to_one():
    free = playground_state.parse("2,0,0;0,0.5,0", free=True)
    bound = playground_state.parse("2,0,0;0,0.5,0", free=False)
    assert rows(free.vectors).tolist() == [[2, 0, 0], [0, 0.5, 0]]
    assert rows(bound.vectors).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_every_preset_says_what_its_vectors_are(selected):
    found = {preset.key: preset for preset in presets.presets(selected[0])}
    assert {"orthogonal", "aligned", "plane", "hub", "opposite", "sixty", "same-volume", "item", "mismatch"} == set(
        found
    )
    volumes = {key: oracle_volume(rows(preset.state.vectors)) for key, preset in found.items()}
    for key, preset in found.items():
        np.testing.assert_allclose(np.linalg.norm(rows(preset.state.vectors), axis=1), 1, atol=1e-4, err_msg=key)
        said = [float(value) for value in re.findall(r"\d+(?:\.\d+)?", preset.sentence)]
        assert any(abs(value - volumes[key]) < 6e-4 for value in said), key
    assert volumes["orthogonal"] == pytest.approx(1)
    assert max(volumes[key] for key in ("plane", "hub", "opposite")) < 1e-4
    assert volumes["same-volume"] == pytest.approx(volumes["sixty"], abs=1e-4)


def test_the_presets_of_an_item_are_exact(selected):
    selection, embedding_set = selected
    found = {preset.key: preset for preset in presets.presets(selection)}
    own, other = 0, 3
    for key, row in (("item", own), ("mismatch", other)):
        vectors = np.stack(
            [
                embedding_set.modalities["text"][own],
                *(embedding_set.modalities[name][row] for name in ("image", "speech")),
            ]
        ).astype(np.float64)
        drawn = rows(found[key].state.vectors)
        np.testing.assert_allclose(drawn @ drawn.T, vectors @ vectors.T, atol=3e-4)


def test_training_is_played_from_its_first_step_to_its_last():
    app = page()
    (button,) = (each for each in app.button if each.label == "Play")
    button.click().run()
    steps = [app.select_slider(key="step").value]
    assert steps == [0]
    assert any(each.label == "Stop" for each in app.button)
    for _ in range(20):
        app.run()
        steps.append(app.select_slider(key="step").value)
        if not any(each.label == "Stop" for each in app.button):
            break
    assert steps == sorted(steps)
    assert steps[-1] == 1000
    assert len(set(steps)) == len(steps)
    assert any(each.label == "Play" for each in app.button)


def test_more_than_three_vectors_are_taken_from_where_a_person_says():
    app = page(lesson="higher")
    said = [each.value for each in app.markdown]
    assert any(f"The 4 vectors of {query(app, 'item')}" in each for each in said)
    app.segmented_control(key="of").set_value("equal").run()
    app.segmented_control(key="k").set_value(5).run()
    app.slider(key="cosine_5").set_value(0.2).run()
    expected = math.sqrt(0.8**4 * (1 + 4 * 0.2))
    assert any(f"volume **{number(expected)}**" in each.value for each in app.markdown)
    app.segmented_control(key="of").set_value("random").run()
    assert not app.exception


def test_a_link_reopens_the_vectors_of_more_than_three():
    app = page(lesson="higher", of="Equal cosines", k="5", cosine_5="0.2")
    assert not app.warning
    assert any(f"volume **{number(math.sqrt(0.8**4 * 1.8))}**" in each.value for each in app.markdown)
    app.segmented_control(key="geometry_lesson").set_value("pair").run()
    assert not app.exception
    assert not {"of", "k", "cosine_5", "lesson"} & set(app.query_params)


def test_what_was_drawn_and_replayed_does_not_stand_in_the_way_of_another_lesson():
    app = page(draw="image + tones", step="untrained")
    assert app.select_slider(key="step").value == 0
    app.segmented_control(key="geometry_lesson").set_value("play").run()
    assert not app.exception
    assert query(app, "lesson") == "play"
    assert not {"draw", "step"} & set(app.query_params)


def test_more_random_vectors_than_dimensions_span_nothing():
    app = page(lesson="higher", of="Random", k="5", d="4")
    assert any("5 random directions in 4 dimensions" in each.value and "**0**" in each.value for each in app.markdown)


@pytest.mark.parametrize("bad", [{"of": "cats"}, {"of": "Random", "k": "9"}, {"of": "Equal cosines", "cosine_4": "7"}])
def test_a_link_to_vectors_that_cannot_be_is_answered_in_one_line(bad):
    app = page(lesson="higher", **bad)
    (line,) = (each.value for each in app.warning)
    assert f"“{list(bad.values())[-1]}”" in line
