"""Mismatched pairs as cards: one item's query beside what belongs to another."""

from collections.abc import Sequence
from html import escape

from app import theme
from app.widgets import cards as item_cards
from gram.data.embedding_set import EmbeddingSet


def pair_cards(
    gallery: EmbeddingSet,
    pairs: Sequence[tuple[int, int]],
    *,
    key: str,
    captions: Sequence[str],
    current: tuple[str, str] | None = None,
) -> tuple[str, str] | None:
    """Show pairs as a grid of cards; return the ids (item, partner) of the one that was just chosen, else None.

    Args:
        gallery: the set the items are of.
        pairs: rows (query, candidate), in order; a few dozen at most.
        key: the grid's name in the session.
        captions: one line of plain text a pair.
        current: ids of the pair to mark.
    """
    dark = theme.is_dark()
    cards = "".join(
        _card(gallery, pair, caption, place=f"{key}-{number}", dark=dark, current=current)
        for number, (pair, caption) in enumerate(zip(pairs, captions, strict=True))
    )
    action = item_cards.show(f'<ol class="grid">{cards}</ol>', gallery, key=key)
    return (action["id"], action["partner"]) if action and action["action"] == "select" else None


def _card(
    gallery: EmbeddingSet,
    pair: tuple[int, int],
    caption: str,
    *,
    place: str,
    dark: bool,
    current: tuple[str, str] | None,
) -> str:
    items = gallery.items.iloc[list(pair)]
    ids = items["id"].astype(str).tolist()
    labels = (items["label"] if "label" in items else items["id"]).astype(str).tolist()
    query, candidate = (escape(label) for label in labels)
    is_current = " current" if current == tuple(ids) else ""
    return (
        f'<li class="card{is_current}">'
        f'<button type="button" class="number" data-action="select" data-id="{escape(ids[0], quote=True)}" '
        f'data-partner="{escape(ids[1], quote=True)}" data-focus="{escape(place, quote=True)}" '
        f'aria-label="{escape(gallery.anchor)} of {query} with what belongs to {candidate}">'
        f"{query} → {candidate}</button>"
        f"<div>{escape(caption)}</div>"
        f"{item_cards.picture_html(gallery, pair[1], dark=dark)}"
        f'<div class="actions">{item_cards.listen_html(gallery, pair[1], place=place)}</div></li>'
    )
