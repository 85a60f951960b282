"""Rankings of sets whose items lack modalities: which to begin with, and a line where one does not compare them."""

import streamlit as st

from app import data
from app.rankings import Judge
from gram import comparability


def usual(title: str, candidates: tuple[str, ...]) -> str:
    """Return the title of the ranking to begin with: this one, by a measure that compares the set's candidates."""
    judge = Judge.named(title)
    measure = comparability.usual_measure(data.load_set(judge.model), candidates, judge.measure)
    return judge._replace(measure=measure).title


def say(judge: Judge, candidates: tuple[str, ...]) -> None:
    """Say in one line that a ranking orders candidates which its measure does not compare."""
    if told := comparability.caution(data.load_set(judge.model), candidates, judge.measure):
        st.caption(f":material/balance: {told}")
