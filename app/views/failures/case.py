"""One case in full: query, true item and winner as cards, their bodies in one scene, the numbers, and the cause."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
import streamlit as st

from app import theme
from app.components import scene3d
from app.data import pictures, sets
from app.data.failures import Asked
from app.state import selection
from app.state.failure_view import View
from app.text import escape_markdown
from app.views.failures.case_list import difference
from app.widgets import cards as item_cards
from app.widgets import hits, panels
from gram.data.embedding_set import EmbeddingSet
from gram.diagnostics import CAUSES, Attribution
from gram.plots import Parallelotope, number, parallelotopes

_DRAWN = 3  # vectors that a picture holds exactly


class Place(NamedTuple):
    """Where a case stands in the list: its number from 1, of how many, and the (item, winner) before and after it."""

    number: int
    size: int
    before: tuple[str, str]
    after: tuple[str, str]


def show(
    of: Attribution,
    asked: Asked,
    view: View,
    gallery: EmbeddingSet,
    place: Place,
    on_action: Callable[[dict[str, str]], None],
) -> None:
    """Show a case: head and cause, cards, scene, numbers, and links to other pages."""
    dark = theme.is_dark()
    item_cards.show(
        _head(of, place) + _cards(of, gallery, dark=dark),
        gallery,
        key="failures_case",
        styles="failures",
        on_action=on_action,
    )
    bodies = _bodies(of, gallery)
    if bodies:
        _draw(of, bodies)
    else:
        labels = f"{escape_markdown(of.true.label)} and {escape_markdown(of.winner.label)}"
        st.caption(f"Nothing to draw: no candidate modality is in both {labels}.")
    st.html(f'<div class="panel case-numbers">{_sides(of)}{_changes(of)}</div>')
    _links(of, asked, view)


def _head(of: Attribution, place: Place) -> str:
    cause = CAUSES[of.cause]
    if of.rank == 1:
        title = f"{escape(of.true.label)} is first, {difference(of.true.label, of.winner.label)} comes next"
    else:
        title = f"{escape(of.true.label)} lost to {difference(of.true.label, of.winner.label)}"
    steps = "".join(
        f'<button type="button" class="press step" data-action="case" data-id="{escape(item, quote=True)}" '
        f'data-winner="{escape(winner, quote=True)}" data-focus="step-{name}" data-sign="{sign}" '
        f'aria-label="{name} case"{" disabled" * (not item)}></button>'
        for name, sign, (item, winner) in (("Previous", "←", place.before), ("Next", "→", place.after))
    )
    told = (
        f"rank {hits.rank(of.rank)} of {of.gallery:,} by {escape(of.measure)} · case {place.number:,} of {place.size:,}"
    )
    return (
        f'<header class="case-head" data-reveal="{escape(of.true.id, quote=True)}"><div><h3>{title}</h3>'
        f'<div class="quiet">{told}</div></div>'
        f"<nav>{steps}</nav></header>"
        f'<p class="stated"><b class="tag" title="{escape(cause.help, quote=True)}">{escape(cause.title)}</b> '
        f"{escape(of.sentence())}</p>"
    )


# cards


def _cards(of: Attribution, gallery: EmbeddingSet, *, dark: bool) -> str:
    sides = (("true item", of.true, "true"), (_role(of), of.winner, "false"))
    cards = "".join(
        f'<li class="card {kind}"><div class="quiet">{role}</div>'
        f'<div class="number">{difference(of.true.label, side.label)}</div>'
        f"{item_cards.picture_html(gallery, side.row, dark=dark)}"
        f'<div class="actions">{item_cards.listen_html(gallery, side.row, place=f"case-{kind}")}</div>'
        f'<div class="quiet">{escape(item_cards.corruptions_of(gallery, side.row))}</div></li>'
        for role, side, kind in sides
    )
    return f'<ol class="trio">{_query_card(of, gallery, dark=dark)}{cards}</ol>'


def _role(of: Attribution) -> str:
    return "the winner" if of.rank > 1 else "the next best"


def _query_card(of: Attribution, gallery: EmbeddingSet, *, dark: bool) -> str:
    item = item_cards.item_of(gallery, of.true.row)
    name = escape(of.query)
    if of.query == "image":
        asked = item_cards.picture_html(gallery, of.true.row, dark=dark)
    elif of.query in item_cards.sound_names(gallery, of.true.row):
        sounds = item_cards.listen_html(gallery, of.true.row, place="case-query", only=of.query)
        asked = f'<div class="actions">{sounds}</div>'
    else:
        asked = f'<div class="asked">{escape(str(item.get("words", of.true.label)))}</div>'
    done = item_cards.corruptions(item, only=of.query)
    return (
        f'<li class="query"><span class="quiet">Asked with the {name}</span>{asked}'
        f"{f'<span class=quiet>{escape(done)}</span>' if done else ''}</li>"
    )


# the scene


def _drawn(of: Attribution) -> tuple[str, ...]:
    """Return the modalities to draw, the query first: of those that both items have, the one at fault before others."""
    there = [name for name in of.candidates if name not in {*of.true.missing, *of.winner.missing}]
    there.sort(key=lambda name: name != of.at_fault)
    return (of.query, *there[: _DRAWN - 1])


def _bodies(of: Attribution, gallery: EmbeddingSet) -> list[Parallelotope]:
    names = _drawn(of)
    if len(names) < 2:
        return []
    return [
        Parallelotope(
            np.stack(
                [
                    gallery.modalities[name][side.row if place else of.true.row].double().numpy()
                    for place, name in enumerate(names)
                ]
            ),
            names,
            f"{side.label} · {role}",
            matched=side is of.true,
        )
        for side, role in ((of.true, "true item"), (of.winner, _role(of).removeprefix("the ")))
    ]


def _draw(of: Attribution, bodies: Sequence[Parallelotope]) -> None:
    told = "; ".join(
        f"{body.title}: base {number(body.base_and_height[0])}, height {number(body.base_and_height[1])}"
        for body in bodies
    )
    scene3d.show(
        pictures.json_of(parallelotopes, bodies, dark=theme.is_dark()),
        key="failures_scene",
        height=320,
        filename=f"case-{of.true.id}-{of.winner.id}",
        description=f"Bodies that the query spans with the true item and with the winner. {told}.",
    )
    names = bodies[0].names
    out = [name for name in of.candidates if name not in names]
    left_out = f" Left out: {escape_markdown(', '.join(out))}; the numbers below are of all." if out else ""
    drawn = escape_markdown(", ".join(names))
    st.caption(f"Solid: the true item. Grey, dashed: the other. Drawn exactly: {drawn}.{left_out}")


# the numbers


def _sides(of: Attribution) -> str:
    """Return score, volume, base, heights and cosines of both items side by side."""
    names = (of.query, *of.candidates)
    label = {name: panels.name_of(name, names) for name in names}
    rest = ", ".join(of.candidates)
    lines = [
        ("Volume", "base × height, of all vectors: 0 dependent, 1 orthogonal", of.true.volume, of.winner.volume),
        ("Base", f"volume of {rest} by themselves: 0 to 1", of.true.base, of.winner.base),
        (f"Height of {label[of.query]}", f"distance from the span of {rest}", of.true.height, of.winner.height),
    ]
    if of.measure not in ("volume", "height"):
        said = f"by {of.measure}; higher is better aligned"
        lines.insert(0, ("Score", said, of.true.score, of.winner.score))
    lines += [
        (f"Height of {label[name]}", "distance from the span of the query and the rest: large where it stands apart",
         of.true.heights[name], of.winner.heights[name])
        for name in of.candidates
        if len(of.candidates) > 1
    ]  # fmt: skip
    lines += [
        (f"Cosine with {label[name]}", f"of the {of.query} with its {name}", of.true.cosines[name],
         of.winner.cosines[name])
        for name in of.candidates
    ]  # fmt: skip
    body = "".join(
        f'<tr><th title="{escape(hint, quote=True)}">{name}</th><td>{number(a)}</td><td>{number(b)}</td></tr>'
        for name, hint, a, b in lines
    )
    role = _role(of).removeprefix("the ")
    heads = f"<th>{escape(of.true.label)}<br>true item</th><th>{escape(of.winner.label)}<br>{role}</th>"
    table = f'<table class="sides"><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f"<div><h4>Side by side</h4>{table}</div>"


def _changes(of: Attribution) -> str:
    """Return what single changes would make of the true item's rank."""
    names = (of.query, *of.candidates)
    ranks: dict[str, tuple[str, float]] = {
        f"without {panels.name_of(name, names)}": ("rank with that modality left out of all candidates", rank)
        for name, rank in of.without.items()
    }
    ranks["with the winner’s base made the true item’s"] = (
        "if both had the same base, as by height",
        of.rank_same_base,
    )
    if of.measure != "height":
        ranks["by height instead"] = ("rank by the distance of the query from the span alone", of.rank_by_height)
    if of.sign_flipped:
        turned = " and ".join(panels.name_of(name, names) for name in of.sign_flipped)
        ranks[f"with {turned} turned round"] = (
            "rank with those vectors turned into their opposites",
            of.rank_sign_flipped,
        )
    ranks["without all hubs"] = (
        "rank without items that are first for more queries than chance gives",
        of.rank_without_hubs,
    )
    body = "".join(
        f'<tr><th title="{escape(hint, quote=True)}">{name}</th><td>{_rank(rank)}</td></tr>'
        for name, (hint, rank) in ranks.items()
        if not math.isnan(rank)
    )
    times = f"{of.occurrences:,} of {of.asked:,}"
    hub = f"chance gives no item {of.hub_threshold:,} or more"
    own = f"<tr><th>as it is</th><td>{_rank(of.rank)}</td></tr>"
    wins = f'<tr><th title="{hub}">queries that {_role(of)} is first for</th><td>{times}</td></tr>'
    head = "<thead><tr><th></th><th>rank</th></tr></thead>"
    return (
        f'<div><h4>What would change it</h4><table class="changes">{head}<tbody>{own}{body}{wins}</tbody></table></div>'
    )


def _rank(rank: float) -> str:
    return '<b class="first">first</b>' if rank == 1 else hits.rank(rank)


# to other pages


def _links(of: Attribution, asked: Asked, view: View) -> None:
    both = {"model": asked.judge.model, "item": of.true.id, "partner": of.winner.id}
    with st.container(horizontal=True, gap="medium"):
        selection.link("geometry", "Open in Geometry", **both)
        selection.link("retrieval", "Open in Retrieval", **both, **_question(of, view))


def _question(of: Attribution, view: View) -> Mapping[str, str]:
    """Return the query of the Retrieval page that asks the same."""
    spoken = item_cards.is_rendered(sets.load_set(view.judge.model))
    return {
        "q": of.true.id,
        "by": "number" if spoken and of.query == "text" else of.query,
        "left": view.left,
        "right": view.right,
        **({"compare": f"{view.whose}-{of.winner.id}"} if of.rank > 1 else {}),
    }
