"""What makes a query on the Retrieval page: one way to ask each, by name; every way gives a query or one line."""

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components import digit_pad, keypad
from gram import numbers
from gram.embedding_set import EmbeddingSet
from gram.errors import NumberError
from gram.numbers import strokes, tones, uploads
from gram.retrieval import Query

FILES = ("wav", "flac", "ogg", "mp3", "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff")


class Place(NamedTuple):
    """Where a way to ask draws its controls, and what they start from."""

    side: DeltaGenerator  # a narrow place for a line of text; whatever is larger goes where the caller is
    gallery: EmbeddingSet
    item: str  # the current item's id


class Way(NamedTuple):
    """A way to ask.

    Attributes:
        ask: draws the controls; returns the query they make, or None while there is nothing to ask with.
        waiting: what to do while there is nothing.
        picks: the modality that the gallery's own items are asked with; None where the query is a person's own.
    """

    ask: Callable[[Place], Query | None]
    waiting: str = ""
    picks: str | None = None


def by_number(place: Place) -> Query:
    """Ask with a number, typed in digits or words."""
    query = Query.typed(_typed(place))
    if not _is_known(query.id, place.gallery):
        st.info(f"{query.id} is not among the {len(place.gallery):,} items; these are the nearest to its words.")
    return query


def by_item(modality: str) -> Callable[[Place], Query]:
    """Return the way that asks with a modality of the item that has the typed number."""

    def ask(place: Place) -> Query:
        item = numbers.parse(_typed(place))
        if not _is_known(item, place.gallery):
            raise NumberError(f"{item} is not among the items, so it has no {modality} to ask with: ask with number")
        return Query(modality, id=item)

    return ask


def by_drawing(place: Place) -> Query | None:
    """Ask with four drawn digits."""
    known = _known_number(place)
    boxes = digit_pad.show(key="pad")
    return Query("image", strokes.picture_of_strokes(boxes), known()) if boxes else None


def by_microphone(place: Place) -> Query | None:
    """Ask with what a person says; any rate that the browser records at becomes 8 kHz."""
    known = _known_number(place)
    said = st.audio_input("Say four digits, one after the other", key="mic")
    return Query("speech", uploads.read_audio(said.getvalue()), known()) if said else None


def by_keypad(place: Place) -> Query | None:
    """Ask with a number dialled on the page; its number is known from the keys."""
    place.side.caption("The keys tell its number.")
    presses = keypad.show(tones.keypad(), key="keypad")
    if not presses:
        return None
    waveform = tones.dialled(presses)
    in_order = sorted(presses, key=lambda press: press[1])
    return Query("tones", waveform, "".join(key for key, _, _ in in_order))


def by_file(place: Place) -> Query | None:
    """Ask with a picture or a recording; what the file is shows in its bytes."""
    known = _known_number(place)
    file = st.file_uploader(
        "A recording or a picture of four digits",
        type=list(FILES),
        key="retrieval_file",
        max_upload_size=uploads.MAX_BYTES // 2**20,
    )
    heard_as = st.segmented_control(
        "A recording holds",
        ["speech", "tones"],
        default="speech",
        required=True,
        key="sound",
        bind="query-params",
        help="Speech: four spoken digits. Tones: four keys of a telephone. Ignored for a picture.",
    )
    if file is None:
        return None
    content = file.getvalue()
    if uploads.sniff(content) == "image":
        return Query("image", uploads.read_image(content), known())
    return Query(heard_as or "speech", uploads.read_audio(content), known())


WAYS = {
    "number": Way(by_number, picks="text"),
    "image": Way(by_item("image"), picks="image"),
    "speech": Way(by_item("speech"), picks="speech"),
    "tones": Way(by_item("tones"), picks="tones"),
    "draw": Way(by_drawing, "The answer follows your pen once each box holds a digit."),
    "microphone": Way(by_microphone, "Press the microphone, say four digits, and press it again to stop."),
    "keypad": Way(by_keypad, "Dial four digits to hear them and to ask with their tones."),
    "file": Way(by_file, "Give a photo of four handwritten digits, or a recording of four digits spoken or dialled."),
}


def _typed(place: Place) -> str:
    typed = place.side.text_input("Number", key="q", bind="query-params", placeholder=place.item)
    return typed or place.item


def _known_number(place: Place) -> Callable[[], str | None]:
    """Draw the field for the true number; return what reads it, so that a fault in it comes after the input's own."""
    typed = place.side.text_input(
        "The number in it",
        key="known",
        placeholder="if you know it",
        help="With it, the page says where the true item ranks. The models do not see it.",
    )
    return lambda: numbers.parse(typed) if typed and typed.strip() else None


def _is_known(item: str | None, gallery: EmbeddingSet) -> bool:
    return bool((gallery.items["id"] == item).any())
