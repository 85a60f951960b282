"""Item and mismatch: one item's vectors as an exact picture, beside those of a mismatch."""

import math
from html import escape
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float

import gram
from app import theme
from app.components import scene3d
from app.data import sets as set_data
from app.state import selection as selected
from app.text import csv_safe, escape_markdown
from app.views.geometry import picking
from app.widgets import missing as missing_modalities
from app.widgets import panels
from gram.data.embedding_set import EmbeddingSet
from gram.plots import Parallelotope, number, parallelotopes

URL_KEYS = ()  # its widgets keep their own
_COLUMNS = [2, 1]
_PLAYING, _SECONDS_A_STOP = "geometry_playing", 0.8


class Pair(NamedTuple):
    """An anchor with a candidate: the vectors in the order of the names, the anchor first."""

    title: str
    names: tuple[str, ...]
    vectors: Float[np.ndarray, "k d"]
    matched: bool

    def only(self, names: tuple[str, ...]) -> "Pair":
        """Return the pair with these of its modalities."""
        rows = [self.names.index(name) for name in names]
        return self._replace(names=names, vectors=self.vectors[rows])

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the modalities whose vectors are there."""
        return tuple(name for name, row in zip(self.names, self.vectors) if not np.isnan(row).any())

    @property
    def has_anchor(self) -> bool:
        """Whether the item that asks has the anchor."""
        return self.names[0] in self.present

    @property
    def is_whole(self) -> bool:
        """Whether it has a volume: the anchor, and something that it is compared with."""
        return self.has_anchor and len(self.present) > 1

    @property
    def factor(self) -> panels.Factor:
        """Its base and height; NaN where one is not to be had."""
        base, height = gram.base_and_height(self.vectors[:1], *self.vectors[1:, None])
        alone = math.nan if self.present in ((), self.names[:1]) else 1.0
        return panels.Factor(self.title, self.names, alone * float(base[0]), alone * float(height[0, 0]), self.matched)


def render() -> None:
    """Show the lesson."""
    st.markdown(
        "The vectors of one item, drawn exactly: the flatter the body, the smaller its **volume = base × height**, "
        "the better its modalities agree. Turn the picture, then choose **Another mismatch**"
        f"{', or replay the training' if set_data.load_trajectory(selected.current().model) else ''}."
    )
    missing_modalities.show(set_data.load_set(selected.current().model))
    playing = _PLAYING in st.session_state
    st.fragment(_lesson, run_every=_SECONDS_A_STOP if playing else None)(playing)


def _lesson(playing: bool) -> None:
    selection = selected.current()
    drawn = picking.choose(selection)
    picture, numbers = st.columns(_COLUMNS, gap="large")
    with picture:
        scene = st.container()
        current = _replay(selection)
    pairs = [_pair(current, selection, mine) for mine in (True, False)]
    with scene:
        _draw(pairs, drawn, selection)
    with numbers:
        st.html(_numbers(pairs, current.d))
    _formula(pairs, drawn)
    if playing != (_PLAYING in st.session_state):
        st.rerun()  # how often the lesson runs by itself is settled where it is started


# training


def _replay(selection: selected.Selection) -> EmbeddingSet:
    """Show the training slider where both items were recorded; return the set at the chosen step."""
    trained = set_data.holding(selection.model, selection.item, selection.partner)
    stops = set_data.load_trajectory(selection.model)
    if not stops:
        return trained
    recorded = stops[0].set.items["id"].astype(str)
    missing = [each for each in (selection.item, selection.partner) if each not in set(recorded)]
    if missing:
        _offer_recorded(selection, missing, recorded.tolist(), len(set_data.load_whole(selection.model)))
        return trained
    sets = {stop.step: stop.set for stop in stops}
    last = stops[-1].step
    _advance(list(sets))
    slider, button = st.columns([5, 1], vertical_alignment="center")
    step = slider.select_slider(
        "Training step",
        list(sets),
        value=None if "step" in st.session_state else last,  # Streamlit warns of both
        key="step",
        bind="query-params",
        format_func=lambda value: {0: "untrained", last: f"{last:,} (trained)"}.get(value, f"{value:,}"),
        help="The same two items as the model saw them when it had been trained for so many steps",
    )
    is_playing = _PLAYING in st.session_state
    button.button(
        "Stop" if is_playing else "Play",
        icon=":material/stop:" if is_playing else ":material/play_arrow:",
        on_click=_stop if is_playing else _play,
        help="Go through the training from its first step",
        width="stretch",
    )
    return sets[step]


def _play() -> None:
    st.session_state[_PLAYING] = "start"


def _stop() -> None:
    st.session_state.pop(_PLAYING, None)


def _advance(steps: list[int]) -> None:
    """While the training is played, move the slider to the next stop, and stop at the last."""
    if _PLAYING not in st.session_state:
        return
    if st.session_state[_PLAYING] == "start":
        st.session_state["step"], st.session_state[_PLAYING] = steps[0], "on"
        return
    place = steps.index(st.session_state.get("step", steps[-1]))
    st.session_state["step"] = steps[min(place + 1, len(steps) - 1)]
    if place + 2 >= len(steps):
        _stop()


def _offer_recorded(selection: selected.Selection, missing: list[str], recorded: list[str], size: int) -> None:
    """Say why training cannot be replayed for this pair, and offer one for which it can."""
    item = selection.item if selection.item not in missing else recorded[0]
    partner = set_data.hardest_mismatch(selection.model, selection.candidates, item, among=recorded)
    said, offer = st.columns([2, 1.2], vertical_alignment="center")
    said.caption(
        f"Training was recorded for {len(recorded):,} of the {size:,} items; "
        f"{escape_markdown(' and '.join(missing))} {'is' if len(missing) == 1 else 'are'} not among them."
    )
    offer.button(
        f"Replay {escape_markdown(item)} with {escape_markdown(partner)}",
        on_click=selected.select_item,
        args=(item, partner),
        width="stretch",
    )


def _pair(embedding_set: EmbeddingSet, selection: selected.Selection, matched: bool) -> Pair:
    anchor, own = embedding_set.anchor, embedding_set.row(selection.item)
    other = own if matched else embedding_set.row(selection.partner)
    rows = [(anchor, own), *((name, other) for name in selection.candidates)]
    vectors = np.stack([embedding_set.modalities[name][row].double().numpy() for name, row in rows])
    title = selection.item if matched else f"{selection.item} with {selection.partner}"
    return Pair(title, tuple(name for name, _ in rows), vectors, matched)


# showing


def _draw(pairs: list[Pair], drawn: tuple[str, ...], selection: selected.Selection) -> None:
    shown = [pair.only(tuple(name for name in drawn if name in pair.present)) for pair in pairs]
    shown = [pair for pair, whole in zip(shown, pairs) if len(pair.names) > 1 and (whole.has_anchor or whole.matched)]
    bodies = [
        Parallelotope(
            pair.vectors,
            pair.names,
            f"{selection.item} · matched" if pair.matched else f"{selection.partner} · mismatched",
            matched=pair.matched,
        )
        for pair in shown
    ]
    if not bodies:
        st.info(
            f"Nothing to draw: of {', '.join(drawn)}, {escape_markdown(pairs[0].title)} has {_had(pairs[0], drawn)}. "
            "Choose another item, or other candidates."
        )
        return
    told = "; ".join(f"{pair.title}: volume {number(float(gram.volume(pair.vectors)))}" for pair in shown)
    scene3d.show(
        parallelotopes(bodies, dark=theme.is_dark()),
        key="geometry_scene",
        height=440,
        filename=f"geometry-{pairs[0].title}",
        description=f"Bodies spanned by {', '.join(drawn)}. {told}.",
    )
    titles = {pair.title for pair in shown}
    for pair in pairs:
        if pair.is_whole and pair.title not in titles:
            st.caption(
                f"{escape_markdown(pair.title)} is not drawn: of {', '.join(drawn)} it has {_had(pair, drawn)} alone. "
                f"Choose others under “Draw {drawn[0]} with”."
            )


def _had(pair: Pair, drawn: tuple[str, ...]) -> str:
    return missing_modalities.listed([name for name in drawn if name in pair.present]) or "none"


def _numbers(pairs: list[Pair], d: int) -> str:
    matched, mismatched = (pair.factor for pair in pairs)
    whole = next((pair for pair in pairs if pair.is_whole), None)
    marks = [
        panels.Mark(
            "matched", matched.base * matched.height, hint=f"volume of {pairs[0].title} with its own modalities"
        ),
        panels.Mark("mismatched", mismatched.base * mismatched.height, False, f"volume of {pairs[1].title}"),
    ]
    reference, dotted = None, ""
    if whole is not None:
        k, expected = len(whole.present), gram.random_volume(len(whole.present), d)
        hint = f"{k} random unit vectors in {d} dimensions: expected volume {number(expected)}"
        reference, dotted = panels.Mark("", expected, hint=hint), f'<div class="quiet">Dotted: {hint}.</div>'
    grams = "".join(
        f"<h4>Gram matrix of {escape(pair.title)}</h4>{panels.matrix(gram.gram_matrix(pair.vectors), pair.names)}"
        for pair in pairs
    )
    names = ", ".join(panels.name_of(name, matched.names) for name in matched.names)
    lacking = _lacking(pairs)
    told = f"{'up to' if lacking else 'all'} {len(matched.names)}: {names}"
    return (
        f'<div class="panel"><div>Volume of {told}</div>{lacking}'
        f"{panels.scale(marks, reference=reference)}{dotted}"
        f"{panels.values(matched, mismatched)}{grams}"
        f'<div class="quiet">Cosines, with angles in degrees.</div></div>'
    )


def _lacking(pairs: list[Pair]) -> str:
    """Return a line on vectors that are not there, and what compares bodies of different numbers of them."""
    lacks = [
        f"{escape(pair.title)} lacks {escape(', '.join(name for name in pair.names if name not in pair.present))}"
        for pair in pairs
        if pair.present != pair.names
    ]
    if not lacks:
        return ""
    said = f"{'; '.join(lacks)}. What is not there is left out."
    anchor = escape(pairs[0].names[0])
    if not pairs[0].has_anchor:
        said += f" Without {anchor}, which asks, there is no height, no volume and no mismatch."
    elif not all(pair.is_whole for pair in pairs):
        said += f" {anchor.capitalize()} alone spans no volume."
    sides = {
        len(pair.present): float(gram.volume(pair.vectors)) ** (1 / len(pair.present))
        for pair in pairs
        if pair.is_whole
    }
    if len(sides) > 1:
        told = " against ".join(f"{number(side)} (k = {k})" for k, side in sides.items())
        said += f" Volumes of different k do not compare; normalised, V^(1/k), they are {told}."
    return f'<div class="quiet">{said}</div>'


def _formula(pairs: list[Pair], drawn: tuple[str, ...]) -> None:
    written, saved = st.columns(_COLUMNS, gap="large", vertical_alignment="bottom")
    there = [pair.only(tuple(name for name in drawn if name in pair.present)) for pair in pairs if pair.has_anchor]
    factors = [pair.factor for pair in there if pair.is_whole]
    names = [name for name in pairs[0].names if any(name in pair.present for pair in pairs)]
    left_out = [name for name in names if name not in drawn]
    if factors:
        written.html(panels.formula(factors))
    if factors and left_out:
        written.caption(
            f"Drawn are {len(names) - len(left_out)} of {len(names)} vectors, exactly; "
            f"{escape_markdown(missing_modalities.listed(left_out))} "
            f"{'is' if len(left_out) == 1 else 'are'} in the numbers."
        )
    saved.download_button(
        "Download numbers (CSV)",
        lambda: _csv(pairs),
        file_name=f"geometry-{pairs[0].title}.csv",
        mime="text/csv",
        on_click="ignore",
    )


def _csv(pairs: list[Pair]) -> str:
    """Return one row a pair of modalities and body, with the body's volume, base and height."""
    rows = []
    for pair in pairs:
        cosines, factor = gram.gram_matrix(pair.vectors), pair.factor
        for (i, first), (j, second) in combinations(enumerate(pair.names), 2):
            cosine = float(cosines[i, j])
            angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
            rows.append(
                {
                    "body": pair.title, "matched": pair.matched, "first": first, "second": second,
                    "cosine": cosine, "angle_degrees": angle, "volume": factor.base * factor.height,
                    "base": factor.base, "height": factor.height,
                }
            )  # fmt: skip
    return csv_safe(pd.DataFrame(rows))
