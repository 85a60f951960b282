"""A hit beside the true item: the query's body with each, in one exact picture, and their numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float
from torch.nn.functional import normalize

from app import theme
from app.components import scene3d
from app.data.rankings import SIDES
from app.text import escape_markdown
from app.widgets import hits, panels
from gram.data.embedding_set import EmbeddingSet
from gram.plots import Parallelotope, number, parallelotopes
from gram.retrieval.answer import Answer, Hit
from gram.retrieval.comparison import Comparison

_KEY = "compare"  # in the URL: the ranking and the hit, as "left-4721"
_PRESSED = "compare_pressed"  # the same, where it was chosen in this session rather than by a link
_DRAWN = 3  # vectors that a picture holds exactly


class Pair(NamedTuple):
    """The query with one item: their vectors, the query's first, and what the ranking makes of all of them."""

    title: str
    names: tuple[str, ...]
    vectors: Float[np.ndarray, "k d"]
    hit: Hit

    @property
    def whole(self) -> panels.Factor:
        """Base and height of all vectors."""
        return panels.Factor(self.title, self.names, self.hit.base, self.hit.height, self.hit.correct)

    @property
    def body(self) -> Parallelotope:
        """What is drawn: the query's vectors, two at most, then the item's first ones, three together at most."""
        return Parallelotope(self.vectors[:_DRAWN], self.names[:_DRAWN], self.title, matched=self.hit.correct)

    @property
    def drawn(self) -> panels.Factor:
        """Base and height of what is drawn."""
        return panels.Factor(self.title, self.names[:_DRAWN], *self.body.base_and_height, self.hit.correct)


def choose(side: str, item: str) -> None:
    """Compare an item of a ranking, "left" or "right", from the next run on."""
    st.query_params[_KEY] = st.session_state[_PRESSED] = f"{side}-{item}"


def close() -> None:
    """Compare nothing."""
    st.query_params.pop(_KEY, None)


def show(comparison: Comparison, galleries: Sequence[EmbeddingSet], titles: Sequence[str]) -> None:
    """Draw the hit that was chosen beside the true item; nothing where none was, or it is no longer listed."""
    side, _, item = st.query_params.get(_KEY, "").partition("-")
    if side not in SIDES:
        return
    place = SIDES.index(side)
    answer, gallery = (comparison.left, comparison.right)[place], galleries[place]
    chosen = next((hit for hit in answer.hits if hit.id == item and not hit.correct), None)
    if chosen is None:
        close()
        return
    pairs = [_pair(answer, hit, gallery) for hit in (answer.true, chosen) if hit is not None]
    with st.container(border=True, key="compared"):
        headline, button = st.columns([5, 1], vertical_alignment="center")
        beside = f" beside {escape_markdown(answer.true.label)}, the true item" if answer.true else ""
        headline.markdown(f"#### {escape_markdown(chosen.label)}{beside}")
        button.button("Close", icon=":material/close:", key="compare_close", on_click=close, width="stretch")
        picture, numbers = st.columns([2, 1], gap="large")
        with picture:
            _draw(pairs, f"{side}-{item}")
            st.caption(escape_markdown(_told(pairs, answer, titles[place])))
        numbers.html(_numbers(pairs))
        st.html(panels.formula([pair.drawn for pair in pairs]))


def _pair(answer: Answer, hit: Hit, gallery: EmbeddingSet) -> Pair:
    """Put the query's vectors before those that the item has; of a query of three, the item's first comes third."""
    asked = [(name, vector.cpu().double().numpy()) for name, vector in answer.embeddings.items()]
    own = [(name, normalize(gallery.modalities[name][hit.row].double(), dim=0).numpy()) for name in answer.candidates]
    own = [(name, vector) for name, vector in own if not np.isnan(vector).any()]
    rows = [*asked[:2], *own[:1], *asked[2:], *own[1:]]
    role = "true item" if hit.correct else f"rank {hits.rank(hit.rank)}"
    return Pair(f"{hit.label} · {role}", tuple(name for name, _ in rows), np.stack([row for _, row in rows]), hit)


def _told(pairs: Sequence[Pair], answer: Answer, title: str) -> str:
    names = pairs[-1].names
    *others, last = answer.embeddings
    asked = f"{', '.join(others)} and {last}" if others else last
    solid = "Solid: the true item. Grey, dashed: the hit. " if len(pairs) > 1 else ""
    drawn = f"Drawn exactly: {', '.join(names[:_DRAWN])}"
    left_out = f"; left out: {', '.join(names[_DRAWN:])}, which is in the numbers of all" if names[_DRAWN:] else ""
    return f"Asked with {asked}, as the {title} has it. {solid}{drawn}{left_out}."


def _draw(pairs: Sequence[Pair], name: str) -> None:
    told = "; ".join(
        f"{pair.title}: base {number(pair.drawn.base)}, height {number(pair.drawn.height)}, "
        f"volume {number(pair.drawn.base * pair.drawn.height)}"
        for pair in pairs
    )
    scene3d.show(
        parallelotopes([pair.body for pair in pairs], dark=theme.is_dark()),
        key="retrieval_scene",
        height=420,
        filename=f"compare-{name}",
        description=f"Bodies that the query spans with each item. {told}.",
        reveal=st.session_state.get(_PRESSED, ""),
    )


def _numbers(pairs: Sequence[Pair]) -> str:
    """Return base, height and volume of each pair on the volume scale: all vectors, then those drawn if fewer."""
    names = pairs[-1].names
    whole, drawn = [pair.whole for pair in pairs], [pair.drawn for pair in pairs]
    marks = [
        panels.Mark(
            "true item" if each.matched else "hit", each.base * each.height, each.matched, f"volume of {each.title}"
        )
        for each in whole
    ]
    listed = ", ".join(panels.name_of(name, names) for name in names)
    some = ""
    if len(names) > _DRAWN:
        listed_some = ", ".join(panels.name_of(name, names) for name in names[:_DRAWN])
        some = f"<h4>The {_DRAWN} drawn: {listed_some}</h4>{panels.values(*drawn)}"
    return (
        f'<div class="panel"><div>All {len(names)} vectors: {listed}</div>'
        f"{panels.scale(marks)}{panels.values(*whole)}{some}</div>"
    )
