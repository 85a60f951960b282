"""Predict, commit, reveal: what is answered is scored by gram's answers, and the URL says where a person is."""

import json
import re

import pytest

import gram
from app.quiz.deck import deck
from gram.plots import number
from tests.app.conftest import open_app

pytestmark = pytest.mark.usefixtures("assets")


def page(**query):
    app = open_app("geometry", lesson="predict", **query).run()
    assert not app.exception
    return app


def questions_of(assets, app, seed=0):
    """The deck of the item in the URL, drawn here."""
    item, candidates = (app.query_params[key] for key in ("item", "candidates"))
    item, candidates = (value[0] if isinstance(value, list) else value for value in (item, candidates))
    embedding_set = gram.EmbeddingSet.load(assets / "numbers" / "gram" / "test").normalized()
    return deck(embedding_set, tuple(candidates.split(",")), item, seed)


def htmls(app):
    return [each.proto.body for each in app.get("html")]


def html(app, kind):
    """The text of the one piece of HTML of this class."""
    (found,) = (body for body in htmls(app) if f'class="{kind}"' in body)
    return re.sub(r"<[^>]+>", " ", found)


def at(app):
    value = app.query_params["question"]
    return value[0] if isinstance(value, list) else value


def press(app, name):
    app.button(key=name).click().run()
    assert not app.exception


def answer(app, question, choice):
    app.radio[0].set_value(choice).run()
    press(app, "predict_commit")


def test_nothing_is_committed_or_shown_before_a_choice(assets):
    app = page()
    question = questions_of(assets, app)[0]
    assert question.prompt in html(app, "predict-prompt")
    assert app.button(key="predict_commit").disabled
    assert app.radio[0].value is None
    assert not any('class="predict-reveal"' in body for body in htmls(app))
    told = json.dumps([str(each.proto) for each in app.main])
    assert not any(number(value) in told for values in question.values for value in values if 0.05 < abs(value) < 0.95)
    app.radio[0].set_value(0).run()
    assert not app.button(key="predict_commit").disabled


def test_all_right_is_the_full_score(assets):
    app = page()
    questions = questions_of(assets, app)
    assert len(questions) >= 16
    for place, question in enumerate(questions, start=1):
        assert at(app) == str(place)
        answer(app, question, question.answer)
        assert "✓ Right." in html(app, "predict-reveal")
        assert question.explanation in html(app, "predict-reveal").replace("&#x27;", "'")
        press(app, "predict_next")
    assert at(app) == "score"
    assert f"{len(questions)} of {len(questions)} right" in html(app, "predict-total")
    assert not app.subheader
    assert any("Nothing was missed" in each.value for each in app.markdown)


def test_a_wrong_answer_is_said_with_the_numbers_and_can_be_revisited(assets):
    app = page()
    first, second = questions_of(assets, app)[:2]
    wrong = (first.answer + 1) % len(first.options)
    answer(app, first, wrong)
    told = html(app, "predict-reveal")
    assert f"Not this time: it is {first.bodies[first.answer].title}" in told
    assert all(number(value) in told for values in first.values for value in values)
    assert app.radio[0].disabled
    assert app.radio[0].value == wrong
    assert app.button(key="predict_commit").disabled
    press(app, "predict_next")
    answer(app, second, second.answer)
    assert "1 of 2 right" in html(app, "predict-state")
    app.pills(key="predict_dot").set_value("score").run()
    assert any(first.options[wrong] in each.value for each in app.caption)
    press(app, "predict_missed_1")
    assert at(app) == "1"
    assert "Not this time" in html(app, "predict-reveal")
    assert app.radio[0].value == wrong


def test_a_link_leads_to_its_question_and_deck(assets):
    app = page(question="5", seed="12")
    question = questions_of(assets, app, 12)[4]
    assert question.prompt in html(app, "predict-prompt")
    assert "deck 12" in html(app, "predict-state")
    assert not app.warning


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"question": "99"}, "There is no question “99”"),
        ({"question": "0"}, "There is no question “0”"),
        ({"question": "first"}, "There is no question “first”"),
        ({"seed": "-1", "question": "3"}, "There is no deck “-1”"),
        ({"seed": "1e3"}, "There is no deck “1e3”"),
    ],
)
def test_a_link_that_makes_no_sense_gives_one_line_and_the_first_question(assets, query, said):
    app = page(**query)
    (note,) = app.warning
    assert said in note.value
    assert questions_of(assets, app)[0].prompt in html(app, "predict-prompt")
    assert at(app) == "1"


def test_another_deck_asks_anew_and_the_first_keeps_its_answers(assets):
    app = page()
    question = questions_of(assets, app)[0]
    answer(app, question, question.answer)
    press(app, "predict_other")
    seed = app.query_params["seed"]
    seed = int(seed[0] if isinstance(seed, list) else seed)
    assert seed != 0
    assert app.radio[0].value is None
    assert f"0 of {len(questions_of(assets, app, seed))} answered" in html(app, "predict-state")
    app.query_params.update(seed="0")
    app.run()
    assert "1 of 1 right" in html(app, "predict-state")


def test_the_same_deck_again_forgets_its_answers(assets):
    app = page()
    question = questions_of(assets, app)[0]
    answer(app, question, question.answer)
    app.query_params.update(question="score")
    app.run()
    press(app, "predict_again")
    assert at(app) == "1"
    assert app.radio[0].value is None
    assert not app.radio[0].disabled
