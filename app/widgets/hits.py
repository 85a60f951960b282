"""Two ranked lists side by side as cards: rank, item, score taken apart, and where each hit ranks in the other list."""

import math
from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

from app.text import csv_safe
from app.widgets import cards
from gram.data.embedding_set import EmbeddingSet
from gram.plots.style import colours, number, volume_colour
from gram.retrieval.answer import Answer, Hit
from gram.retrieval.comparison import Comparison


def two_lists(
    comparison: Comparison, galleries: tuple[EmbeddingSet, EmbeddingSet], titles: Sequence[str], *, dark: bool
) -> str:
    """Return the markup of both answers: their hits, and the true item below them where it is not one of them."""
    answers = (comparison.left, comparison.right)
    lists = [
        _list(answer, gallery, title, comparison.ranks, side=side, dark=dark)
        for side, (answer, gallery, title) in enumerate(zip(answers, galleries, titles))
    ]
    return f'<div class="two">{"".join(lists)}</div>'


def _list(
    answer: Answer,
    gallery: EmbeddingSet,
    title: str,
    places: Mapping[str, tuple[float, float]],
    *,
    side: int,
    dark: bool,
) -> str:
    shown = [_card(hit, answer, gallery, places.get(hit.id), side=side, dark=dark) for hit in answer.hits]
    if answer.true is not None and not any(hit.correct for hit in answer.hits):
        below = answer.true.rank - len(answer.hits) - 1
        if below >= 1:
            shown.append(f'<li class="far" aria-hidden="true">⋮ {below:,.0f} more</li>')
        shown.append(_card(answer.true, answer, gallery, places.get(answer.true.id), side=side, dark=dark))
    return f'<section aria-label="{escape(title)}"><h3>{escape(title)}</h3><ol>{"".join(shown)}</ol></section>'


def _card(
    hit: Hit, answer: Answer, gallery: EmbeddingSet, places: tuple[float, float] | None, *, side: int, dark: bool
) -> str:
    place = "left" if side == 0 else "right"
    item = escape(hit.id, quote=True)
    parts = [
        f'<div class="rank" title="rank of {answer.size:,}">{rank(hit.rank)}</div>',
        f"<div>{cards.number_html(gallery, hit.row, place=place)}{_true_mark(hit)}</div>",
        f'<div class="seen">{cards.picture_html(gallery, hit.row, dark=dark)}</div>',
        f'<div class="parts">{_factors(hit)}{_move(places, side)}</div>',
        _score(hit, answer),
        f'<div class="actions">{cards.listen_html(gallery, hit.row, place=place)}'
        f'<button type="button" class="press" data-action="geometry" data-sign="↗" data-id="{item}" '
        f'aria-label="Open {item} in Geometry">Geometry</button>{_compare(hit, place)}{_cosines(hit)}</div>',
    ]
    return f'<li class="card hit{" true" * hit.correct}" data-id="{item}">{"".join(parts)}</li>'


def _compare(hit: Hit, place: str) -> str:
    """Return the button that draws a hit beside the true item; the true item itself has none."""
    if hit.correct:
        return ""
    item = escape(hit.id, quote=True)
    return (
        f'<button type="button" class="press" data-action="compare" data-sign="⇄" data-id="{item}" '
        f'data-side="{place}" aria-label="Compare {item} with the true item">Compare</button>'
    )


def rank(value: float) -> str:
    """Return a rank as people write it; tied items share a half."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _true_mark(hit: Hit) -> str:
    return '<div class="quiet">the true item</div>' if hit.correct else ""


def _score(hit: Hit, answer: Answer) -> str:
    if answer.measure == "volume":
        volume = hit.base * hit.height
        swatch = f'<span class="swatch" style="background:{volume_colour(volume)}"></span>'
        return f'<div class="score">{swatch}{number(volume)}<br><small>volume</small></div>'
    return f'<div class="score">{number(hit.score)}<br><small>{escape(answer.measure)}</small></div>'


def _factors(hit: Hit) -> str:
    if math.isnan(hit.base):
        return "<span>has none of the candidate modalities</span>"
    return (
        '<span title="volume = base × height">'
        f"base <b>{number(hit.base)}</b> × height <b>{number(hit.height)}</b></span>"
    )


def _move(places: tuple[float, float] | None, side: int) -> str:
    """Return where the hit ranks in the other list, and by how much that is better or worse."""
    other = "right" if side == 0 else "left"
    if places is None:
        return f'<span class="move">not ranked on the {other}</span>'
    here, there = places[side], places[1 - side]
    if here == there:
        return f'<span class="move">same rank on the {other}</span>'
    sign, kind = ("▲", "up") if there < here else ("▼", "down")
    return f'<span class="move {kind}">{sign} {rank(there)} on the {other}</span>'


def _cosines(hit: Hit) -> str:
    colour = colours(list(hit.cosines))
    rows = "".join(
        f'<div><dt style="--colour:{colour[name]}">{escape(name)}</dt>'
        f"<dd>{'lacking' if math.isnan(value) else number(value)}</dd></div>"
        for name, value in hit.cosines.items()
    )
    return f'<details class="cosines"><summary>Cosines</summary><dl>{rows}</dl></details>'


def csv(comparison: Comparison, titles: Sequence[str]) -> str:
    """Return both answers as one CSV table, a column saying which ranking each row is of."""
    tables = [
        answer.table().assign(ranking=title) for answer, title in zip((comparison.left, comparison.right), titles)
    ]
    return csv_safe(pd.concat(tables, ignore_index=True))
