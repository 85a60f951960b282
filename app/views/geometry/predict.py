"""Predict, commit, reveal: a deck of questions on why a volume is not a cosine, one at a time.

Where a person is lives in the URL: `question` (its number, or "score") and `seed` (which deck). Answers stay in the
session, by deck.
"""

import random
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from app import theme
from app.components import scene3d
from app.data import questions as question_data
from app.data import sets
from app.quiz.deck import SAID, Question
from app.state import selection as selected
from app.text import escape_markdown, quoted
from app.widgets import missing
from gram.plots import number, parallelotopes

URL_KEYS = ("question", "seed")
_COLUMNS = [3, 2]
_SCORE = "score"
_PLACE, _ANSWERS, _DOT = "predict_place", "predict_answers", "predict_dot"
_SEEDS = 10_000  # decks that "Another deck" draws from; the URL takes any whole number of up to nine digits
_STYLE = """<style>
.predict-prompt { font-size: 1.375rem; line-height: 1.4; max-width: 52rem; text-wrap: pretty; }
.predict-state { font-size: 1rem; } .predict-state b { font-size: 1.125rem; }
.predict-state span { opacity: 0.72; }
.st-key-predict_side [data-testid=stRadio] p { font-size: 1.125rem; line-height: 1.4; }
.st-key-predict_side [data-testid=stRadio] * { color: inherit !important; }
.st-key-predict_dot button { padding-inline: 0.2rem; min-width: 2.5rem; justify-content: center; }
.st-key-predict_dot button:last-child { padding-inline: 0.6rem; }
.predict-reveal { font-size: 1.0625rem; line-height: 1.5; }
.predict-verdict { font-size: 1.25rem; font-weight: 600; margin: 0 0 0.5rem; }
.predict-reveal table { border-collapse: collapse; width: 100%; margin: 0 0 0.75rem; }
.predict-reveal :is(th, td) { border: 0; padding: 0.15rem 0.5rem 0.15rem 0; text-align: right; font-weight: 400; }
.predict-reveal th:first-child { text-align: left; }
.predict-reveal tbody tr { border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); }
.predict-reveal tr.asked :is(th, td) { font-weight: 600; }
.predict-reveal .answer { background: color-mix(in srgb, #009e73 16%, transparent); }
.predict-reveal p { margin: 0; text-wrap: pretty; }
.predict-total { font-size: 2rem; font-weight: 600; margin: 0.5rem 0 0; }
</style>"""


class Deck(NamedTuple):
    """A deck of questions: what it is drawn from, the questions, and the answers committed so far, by id."""

    selection: selected.Selection
    seed: int
    questions: list[Question]
    answers: dict[str, int]

    @property
    def key(self) -> str:
        """Return what tells this deck from others: all that it is drawn from."""
        drawn = self.selection
        return f"{drawn.set} {drawn.model} {','.join(drawn.candidates)} {drawn.item} {self.seed}"

    def is_right(self, question: Question) -> bool:
        """Return whether the committed answer to a question is the right one."""
        return self.answers.get(question.id) == question.answer

    @property
    def score(self) -> str:
        """Say how many of the answers are right."""
        right = sum(self.is_right(question) for question in self.questions)
        return f"{right} of {len(self.answers)} right" if self.answers else "Predict, then look"


@st.fragment
def render() -> None:
    """Show the question that the URL names, or the score, of the deck of the current item."""
    selection = selected.current()
    st.html(_STYLE)
    notes: list[str] = []
    seed = _seed(notes)
    if outside := sets.load_set(selection.model).find(selection.item) is None:
        selection = selection._replace(item=str(sets.load_set(selection.model).items["id"].iloc[0]))
    questions = question_data.load_deck(selection.model, selection.candidates, selection.item, seed)
    deck = Deck(selection, seed, questions, {})
    deck = deck._replace(answers=st.session_state.setdefault(_ANSWERS, {}).setdefault(deck.key, {}))
    at = _question_number(len(questions), notes)
    _hold(at, seed)
    for note in notes:
        st.warning(note)
    if outside:
        sampled = sets.sample_size(selection.model)
        said = (
            f"Questions on items are of {sampled}; the current one is not in it, so they begin with {selection.item}."
        )
        st.caption(escape_markdown(said))
    _progress(deck, at)
    missing.show(sets.load_set(selection.model))
    if at is None:
        _show_score(deck)
    else:
        _show_question(deck, at)


# where a person is


def _seed(notes: list[str]) -> int:
    asked = _asked("seed", "0")
    if asked.isascii() and asked.isdecimal() and len(asked) < 10:
        return int(asked)
    notes.append(f"There is no deck {quoted(asked)}: a seed is a whole number of up to nine digits; this is deck 0.")
    return 0


def _question_number(count: int, notes: list[str]) -> int | None:
    """Return the number of the question that is asked for, from 1, or None for the score."""
    if notes:
        return 1
    asked = _asked("question", "1")
    if asked == _SCORE:
        return None
    if asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= count:
        return int(asked[:9])
    notes.append(f"There is no question {quoted(asked)}: this deck has 1 to {count}; this is the first.")
    return 1


def _asked(key: str, first: str) -> str:
    """Return what the URL says, else what it said when the deck was last shown."""
    return st.query_params.get(key, st.session_state.get(_PLACE, {}).get(key, first))


def _hold(at: int | None, seed: int) -> None:
    place = {"question": _SCORE if at is None else str(at), "seed": str(seed)}
    for key, value in place.items():
        if st.query_params.get(key) != value:
            st.query_params[key] = value
    st.session_state[_PLACE] = place


def _go(at: int | None) -> None:
    st.query_params["question"] = _SCORE if at is None else str(at)


def _take_dot() -> None:
    chosen = st.session_state[_DOT]
    _go(None if chosen == _SCORE else int(chosen))


def _restart(deck: Deck, seed: int) -> None:
    """Begin this deck again, or the one of another seed: answers given to it are forgotten."""
    st.session_state[_ANSWERS].pop(deck._replace(seed=seed).key, None)
    st.query_params["seed"] = str(seed)
    _go(1)


# showing


def _progress(deck: Deck, at: int | None) -> None:
    """Show the score so far, and a dot for each question that leads to it."""
    answered = f"{len(deck.answers)} of {len(deck.questions)} answered"
    st.html(f'<div class="predict-state"><b>{deck.score}</b> <span>· {answered} · deck {deck.seed}</span></div>')
    st.session_state[_DOT] = _SCORE if at is None else str(at)
    marks = {str(place): _mark(deck, question) for place, question in enumerate(deck.questions, start=1)}
    st.pills(
        "Question",
        [*marks, _SCORE],
        format_func=lambda option: "Score" if option == _SCORE else f"{marks[option]}{option}",
        required=True,
        key=_DOT,
        on_change=_take_dot,
        label_visibility="collapsed",
    )


def _mark(deck: Deck, question: Question) -> str:
    if question.id not in deck.answers:
        return ""
    return ":green[✓] " if deck.is_right(question) else ":red[✗] "


def _show_question(deck: Deck, at: int) -> None:
    question = deck.questions[at - 1]
    revealed = question.id in deck.answers
    source = "real items of this set" if question.real else "made-up vectors"
    st.html(f'<div class="predict-prompt"><b>{at}.</b> {escape(question.prompt)}</div>')
    picture, side = st.columns(_COLUMNS, gap="large")
    with picture:
        scene3d.show(
            _picture(question, revealed),
            key="predict_scene",
            height=400,
            filename=f"question-{at}",
            description=_description(question, revealed),
        )
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(f"These are {escape_markdown(source)}.")
            _offer_another(deck)
    with side, st.container(key="predict_side"):
        _ask(deck, question, at)
        if revealed:
            st.html(_reveal(question, deck.answers[question.id]))


def _picture(question: Question, revealed: bool) -> go.Figure:
    """Return the bodies, with their sizes on hover once revealed: as labels they would lie on each other."""
    figure = parallelotopes(question.bodies, dark=theme.is_dark(), sizes=revealed)
    scene = figure.layout.scene
    scene.annotations = [label for label in scene.annotations if label.name != "sizes"]
    return figure


def _ask(deck: Deck, question: Question, at: int) -> None:
    """Show the options, and the buttons to commit and to go on."""
    given = deck.answers.get(question.id)
    key = f"predict {deck.key} {question.id}"
    choice = st.radio(
        "Your prediction",
        range(len(question.options)),
        index=given,
        format_func=lambda place: f"{escape_markdown(_label(question, place))}{_judged(question, given, place)}",
        key=key,
        disabled=given is not None,
    )
    last = at == len(deck.questions)
    with st.container(horizontal=True):
        st.button(
            "Commit",
            key="predict_commit",
            type="primary" if given is None else "secondary",
            disabled=choice is None or given is not None,
            on_click=_commit,
            args=(deck, question, key),
        )
        st.button(
            ("See the score" if last else "Next") if given is not None else "Skip",
            key="predict_next",
            type="secondary" if given is None else "primary",
            on_click=_go,
            args=(None if last else at + 1,),
        )


def _judged(question: Question, given: int | None, place: int) -> str:
    """Return the mark of an option: none before the reveal, then one on the right answer and one on a wrong choice."""
    if given is None or place not in (given, question.answer):
        return ""
    return " ✓" if place == question.answer else " ✗"


def _commit(deck: Deck, question: Question, key: str) -> None:
    choice: Any = st.session_state.get(key)
    if choice is not None:
        deck.answers.setdefault(question.id, choice)


def _label(question: Question, place: int) -> str:
    """Return an option, with the letter of its body where it is one."""
    text = question.options[place]
    return f"{question.bodies[place].title}: {text}" if question.asks_for_a_body else text


def _description(question: Question, revealed: bool) -> str:
    told = []
    for place, (body, values) in enumerate(zip(question.bodies, question.values)):
        what = f", {question.options[place]}" if question.asks_for_a_body else ""
        size = f", volume {number(values.volume)}" if revealed else ""
        told.append(f"{body.title}: {', '.join(body.names)}{what}{size}")
    return f"Bodies to compare. {'; '.join(told)}."


def _reveal(question: Question, given: int) -> str:
    """Return the verdict, the numbers of each body and the explanation as HTML."""
    right = given == question.answer
    verdict = "✓ Right." if right else f"✗ Not this time: it is {_short(question, question.answer)}."
    rows = "".join(_row(question, measure) for measure in ("volume", "base", "height", "cosine"))
    heads = "".join(f"<th{_shade(question, place)}>{body.title}</th>" for place, body in enumerate(question.bodies))
    return (
        f'<div class="predict-reveal" role="status"><div class="predict-verdict">{escape(verdict)}</div>'
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p>{escape(question.explanation)}</p></div>"
    )


def _row(question: Question, measure: str) -> str:
    cells = "".join(
        f"<td{_shade(question, place)}>{number(values.of(measure))}</td>"
        for place, values in enumerate(question.values)
    )
    asked = ' class="asked"' if measure in question.measures else ""
    return f"<tr{asked}><th>{SAID[measure].capitalize()}</th>{cells}</tr>"


def _shade(question: Question, place: int) -> str:
    return ' class="answer"' if question.asks_for_a_body and place == question.answer else ""


def _short(question: Question, place: int) -> str:
    """Return an option in a sentence: its letter, or its text in lower case."""
    if question.asks_for_a_body:
        return question.bodies[place].title
    return question.options[place][0].lower() + question.options[place][1:]


def _show_score(deck: Deck) -> None:
    right = sum(deck.is_right(question) for question in deck.questions)
    missed = [
        (place, question)
        for place, question in enumerate(deck.questions, start=1)
        if question.id in deck.answers and not deck.is_right(question)
    ]
    left = [place for place, question in enumerate(deck.questions, start=1) if question.id not in deck.answers]
    st.html(f'<div class="predict-total">{right} of {len(deck.questions)} right</div>')
    if left:
        st.button(f"Go on with question {left[0]}", key="predict_left", on_click=_go, args=(left[0],), type="primary")
        st.caption(f"Not answered yet: {len(left)} of {len(deck.questions)}.")
    if missed:
        st.subheader("What was missed")
    for place, question in missed:
        with st.container(gap="xxsmall"):
            st.button(
                f"{place}. {escape_markdown(question.prompt)}",
                key=f"predict_missed_{place}",
                on_click=_go,
                args=(place,),
                type="tertiary",
            )
            said, right_one = (
                escape_markdown(_label(question, each)) for each in (deck.answers[question.id], question.answer)
            )
            st.caption(f"You said “{said}”; it is “{right_one}”.")
    if not missed and not left:
        st.markdown("Nothing was missed: you can tell a volume from a cosine.")
    with st.container(horizontal=True):
        st.button("This deck again", key="predict_again", on_click=_restart, args=(deck, deck.seed))
        _offer_another(deck)


def _offer_another(deck: Deck) -> None:
    seed = (deck.seed + random.randrange(1, _SEEDS)) % _SEEDS
    st.button(
        "Another deck",
        key="predict_other",
        on_click=_restart,
        args=(deck, seed),
        help="Begin again with other angles, other items and another order of the options",
    )
