"""Play: two or three vectors to move by their tips, and presets that each make one point."""

from collections.abc import Mapping

import streamlit as st

from app import theme
from app.components import playground
from app.components.playground import State
from app.data import sets
from app.state import selection as selected
from app.text import escape_markdown
from app.views.geometry import playground_state
from app.views.geometry.presets import Preset, presets
from app.widgets import missing as missing_modalities

URL_KEYS = ("vectors", "free")
_STATE, _WRITTEN, _PRESET, _FOLLOWED = "play_state", "play_in_url", "play_preset", "play_followed"


def render() -> None:
    """Show the lesson."""
    st.markdown(
        "Three vectors of length 1, and the body they span. **Drag a tip** and watch volume = base × height; "
        "then try to make the volume 0 with three vectors that point nowhere near each other."
    )
    _lesson()


@st.fragment
def _lesson() -> None:
    selection = selected.current()
    offered = presets(selection)
    state = _state(offered)
    preset = next((each for each in offered if each.state == state), None)
    st.session_state[_PRESET] = preset.key if preset else None
    titles = {each.key: each.title for each in offered}
    st.pills(
        "Start from",
        list(titles),
        format_func=titles.__getitem__,
        key=_PRESET,
        on_change=_take_preset,
        args=(offered,),
        help="Each makes one point; the sentence below says which",
    )
    if told := _not_offered(selection, titles):
        st.caption(told)
    with st.container(key="play_sentence"):
        st.markdown(preset.sentence if preset else "Your own vectors: the link in the address bar reopens them.")
    playground.show(
        state,
        names=playground_state.names(selection),
        key="playground",
        dark=theme.is_dark(),
        on_change=_hold,
    )


def _not_offered(selection: selected.Selection, titles: Mapping[str, str]) -> str:
    """Return which vectors of the current item and its partner cannot be a start, as some are missing; "" for none."""
    embedding_set = sets.holding(selection.model, selection.item, selection.partner)
    anchor, *others = playground_state.names(selection)
    others = [name for name in others if name in embedding_set.names]
    own, other = (embedding_set.row(item) for item in (selection.item, selection.partner))
    lacks = {
        selection.item: missing_modalities.lacks(embedding_set, own, [anchor, *others]),
        selection.partner: missing_modalities.lacks(embedding_set, other, others),
    }
    said = [
        f"{escape_markdown(item)} lacks {missing_modalities.listed(names)}" for item, names in lacks.items() if names
    ]
    missing = [title for key, title in (("item", "Your item"), ("mismatch", "Its mismatch")) if key not in titles]
    return f"{'; '.join(said)}: no start from “{missing_modalities.listed(missing)}”." if said and missing else ""


def _state(offered: list[Preset]) -> State:
    """Return the state to show: a new link's, else the one held; say in one line what is wrong with a link.

    A preset that nobody has changed since it was chosen follows its item and model.
    """
    default = offered[0]
    held: State = st.session_state.get(_STATE, default.state)
    key, was = st.session_state.get(_FOLLOWED, (None, None))
    if held == was:
        held = next((preset.state for preset in offered if preset.key == key), held)
    asked = st.query_params.get("vectors"), st.query_params.get("free")
    if asked[0] is not None and asked != st.session_state.get(_WRITTEN):
        try:
            held = playground_state.parse(asked[0], free=asked[1] == "1")
        except ValueError as error:
            held = default.state
            st.warning(f"{escape_markdown(error)} This shows “{default.title}”.")
    _hold(held)
    followed = next((preset for preset in offered if preset.state == held), None)
    st.session_state[_FOLLOWED] = (followed.key, held) if followed else (None, None)
    return held


def _hold(state: State) -> None:
    """Keep a state, and say it in the URL."""
    st.session_state[_STATE] = state
    st.query_params["vectors"] = state.vectors
    if state.free:
        st.query_params["free"] = "1"
    elif "free" in st.query_params:
        del st.query_params["free"]
    st.session_state[_WRITTEN] = (state.vectors, "1" if state.free else None)


def _take_preset(offered: list[Preset]) -> None:
    chosen = next((each for each in offered if each.key == st.session_state[_PRESET]), None)
    if chosen is not None:
        _hold(chosen.state)
