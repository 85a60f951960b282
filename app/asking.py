"""What makes a query on the Retrieval page: one way to ask each, by name; every way gives a query or one line."""

from collections.abc import Callable, Sequence
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
    """What the ways of one question start from; see `place_for`."""

    gallery: EmbeddingSet
    number: str = ""  # whose item is asked with
    known: str = ""  # the number in a person's own input, where it was told


class Way(NamedTuple):
    """A way to ask.

    Attributes:
        ask: draws the controls; returns the query they make, or None while there is nothing to ask with.
        modality: what it asks with; None where that shows only in what is given.
        waiting: what to do while there is nothing.
        picks: whether it asks with an item of the gallery, rather than with something of a person's own.
    """

    ask: Callable[[Place], Query | None]
    modality: str | None
    waiting: str = ""
    picks: bool = False


def place_for(names: Sequence[str], side: DeltaGenerator, gallery: EmbeddingSet, item: str) -> Place:
    """Draw the one field for a number that some ways need together; return what they start from.

    Args:
        names: of the ways.
        side: a narrow place for it.
        gallery: the items.
        item: the current item's id, asked with until a number is typed.
    """
    if not names or any(WAYS[name].picks for name in names):
        typed = side.text_input("Number", key="q", bind="query-params", placeholder=item)
        return Place(gallery, number=typed or item)
    if "keypad" in names:
        side.caption("The keys tell its number.")
        return Place(gallery)
    typed = side.text_input(
        "The number in it" if len(names) == 1 else "The number in them",
        key="known",
        placeholder="if you know it",
        help="With it, the page says where the true item ranks. The models do not see it.",
    )
    return Place(gallery, known=typed or "")


def by_number(place: Place) -> Query:
    """Ask with a number, typed in digits or words."""
    query = Query.typed(place.number)
    if not _is_known(query.id, place.gallery):
        st.info(f"{query.id} is not among the {len(place.gallery):,} items; these are the nearest to its words.")
    return query


def by_item(modality: str) -> Callable[[Place], Query]:
    """Return the way that asks with a modality of the item that has the typed number."""

    def ask(place: Place) -> Query:
        item = numbers.parse(place.number)
        if not _is_known(item, place.gallery):
            raise NumberError(f"{item} is not among the items, so it has no {modality} to ask with: ask with number")
        return Query(modality, id=item)

    return ask


def by_drawing(place: Place) -> Query | None:
    """Ask with four drawn digits."""
    boxes = digit_pad.show(key="pad")
    return Query("image", strokes.picture_of_strokes(boxes), _known(place)) if boxes else None


def by_microphone(place: Place) -> Query | None:
    """Ask with what a person says; any rate that the browser records at becomes 8 kHz."""
    said = st.audio_input("Say four digits, one after the other", key="mic")
    return Query("speech", uploads.read_audio(said.getvalue()), _known(place)) if said else None


def by_keypad(place: Place) -> Query | None:
    """Ask with a number dialled on the page; its number is known from the keys."""
    presses = keypad.show(tones.keypad(), key="keypad")
    if not presses:
        return None
    waveform = tones.dialled(presses)
    in_order = sorted(presses, key=lambda press: press[1])
    return Query("tones", waveform, "".join(key for key, _, _ in in_order))


def by_file(place: Place) -> Query | None:
    """Ask with a picture or a recording; what the file is shows in its bytes."""
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
        return Query("image", uploads.read_image(content), _known(place))
    return Query(heard_as or "speech", uploads.read_audio(content), _known(place))


WAYS = {
    "number": Way(by_number, "text", picks=True),
    "image": Way(by_item("image"), "image", picks=True),
    "speech": Way(by_item("speech"), "speech", picks=True),
    "tones": Way(by_item("tones"), "tones", picks=True),
    "draw": Way(by_drawing, "image", "The answer follows your pen once each box holds a digit."),
    "microphone": Way(by_microphone, "speech", "Press the microphone, say four digits, and press it again to stop."),
    "keypad": Way(by_keypad, "tones", "Dial four digits to hear them and to ask with their tones."),
    "file": Way(
        by_file, None, "Give a photo of four handwritten digits, or a recording of four digits spoken or dialled."
    ),
}


def _known(place: Place) -> str | None:
    """Read the number told of a person's own input: after the input, so that a fault in that comes first."""
    return numbers.parse(place.known) if place.known.strip() else None


def _is_known(item: str | None, gallery: EmbeddingSet) -> bool:
    return bool((gallery.items["id"] == item).any())
