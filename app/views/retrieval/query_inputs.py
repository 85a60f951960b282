"""What makes a query on the Retrieval page: one way to ask each, by name; every way gives a query or one line."""

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float
from streamlit.delta_generator import DeltaGenerator

from app.components import digit_pad, keypad
from app.data import retrieval, sets
from app.state import selection
from app.text import escape_markdown
from app.widgets import cards, missing
from gram.data.embedding_set import EmbeddingSet
from gram.datasets import spoken_numbers as numbers
from gram.datasets.spoken_numbers import strokes, tones, uploads
from gram.datasets.spoken_numbers.queries import typed_query
from gram.errors import NumberError
from gram.retrieval.query import Query

_SUFFIXES = {
    "audio": ("wav", "flac", "ogg", "mp3"),
    "image": ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"),
}
FILES = (*_SUFFIXES["audio"], *_SUFFIXES["image"])
_LARGEST_VECTOR = 1  # MB
_GIVEN = {"text": "words", "image": "a picture", "audio": "a recording"}


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


def is_spoken(gallery: EmbeddingSet) -> bool:
    """Return whether the set is of spoken numbers with a model that takes a person's own."""
    return cards.is_rendered(gallery) and sets.has_model(selection.current().model)


def ways_for(gallery: EmbeddingSet) -> dict[str, Way]:
    """Return the ways to ask a set: all of `WAYS` where it is spoken numbers, else its items and vectors."""
    if is_spoken(gallery):
        return WAYS
    own = {name: Way(by_own(name), name, picks=True) for name in gallery.names}
    waiting = f"Give a file with the vector to ask with: .npy, or numbers as text; {gallery.d} of them, or as many as "
    live = {
        f"your {kind} ({name})" if kind != "text" else f"words ({name})": Way(
            by_words(name) if kind == "text" else by_media(name, kind), name, f"Give {_GIVEN[kind]} to ask with."
        )
        for name, kind in retrieval.live_kinds(selection.current().model).items()
    }
    return {**own, **live, "vector": Way(by_vector, None, f"{waiting}the model takes.")}


def place_for(ways: Sequence[Way], side: DeltaGenerator, gallery: EmbeddingSet, item: str) -> Place:
    """Draw the one field for a number or an item that some ways need together; return what they start from.

    Args:
        ways: those chosen.
        side: a narrow place for it.
        gallery: the items.
        item: the current item's id, asked with until a number is typed.
    """
    spoken = is_spoken(gallery)
    if not ways or any(way.picks for way in ways):
        typed = side.text_input("Number" if spoken else "Item", key="q", bind="query-params", placeholder=item)
        return Place(gallery, number=typed or item)
    if any(way.ask is by_keypad for way in ways):
        side.caption("The keys tell its number.")
        return Place(gallery)
    typed = side.text_input(
        ("The number in it" if len(ways) == 1 else "The number in them") if spoken else "The item it is of",
        key="known",
        placeholder="if you know it",
        help="With it, the page says where the true item ranks. The models do not see it.",
    )
    return Place(gallery, known=typed or "")


def by_number(place: Place) -> Query:
    """Ask with a number, typed in digits or words."""
    query = typed_query(place.number)
    if not _is_known(query.id, place.gallery):
        st.info(f"{query.id} is not among the {len(place.gallery):,} items; these are the nearest to its words.")
    return query


def by_item(modality: str) -> Callable[[Place], Query]:
    """Return the way that asks with a modality of the item that has the typed number."""

    def ask(place: Place) -> Query:
        item = numbers.parse(place.number)
        if not _is_known(item, place.gallery):
            raise NumberError(f"{item} is not among the items, so it has no {modality} to ask with: ask with number")
        _check_has(item, modality, place.gallery)
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


def by_own(modality: str) -> Callable[[Place], Query]:
    """Return the way that asks with a modality of the item whose id was typed."""

    def ask(place: Place) -> Query:
        item = place.number.strip()
        if not _is_known(item, place.gallery):
            examples = ", ".join(place.gallery.items["id"].head(3).astype(str))
            raise NumberError(f"no item has the id “{item}”; give one of the set's, such as {examples}")
        _check_has(item, modality, place.gallery)
        return Query(modality, id=item)

    return ask


def _check_has(item: str, modality: str, gallery: EmbeddingSet) -> None:
    if missing.lacks(gallery, gallery.row(item), [modality]):
        raise NumberError(f"{item} lacks {modality}: ask with another modality, or another item")


def by_words(modality: str) -> Callable[[Place], Query | None]:
    """Return the way that asks with words of a person's own, which the set's encoder embeds."""

    def ask(place: Place) -> Query | None:
        words = st.text_input("Words", key=f"words-{modality}", placeholder="a dog barks at the sea")
        return Query(modality, words, _known_item(place)) if words.strip() else None

    return ask


def by_media(modality: str, kind: str) -> Callable[[Place], Query | None]:
    """Return the way that asks with a picture or a recording of a person's own, which the set's encoder embeds."""

    def ask(place: Place) -> Query | None:
        file = st.file_uploader(
            _GIVEN[kind].capitalize(),
            type=list(_SUFFIXES[kind]),
            key=f"media-{modality}",
            max_upload_size=uploads.MAX_BYTES // 2**20,
        )
        return Query(modality, file.getvalue(), _known_item(place)) if file else None

    return ask


def _known_item(place: Place) -> str | None:
    """Read the item that a person's own input is told to be of.

    Raises:
        NumberError: there is no such item.
    """
    known = place.known.strip()
    if known and not _is_known(known, place.gallery):
        raise NumberError(f"no item has the id “{known}”; leave the field empty if you do not know it")
    return known or None


def by_vector(place: Place) -> Query | None:
    """Ask with a vector from a file: of the shared space, or what the set's model makes one of."""
    file = st.file_uploader(
        "A vector", type=["npy", "txt", "csv", "json"], key="retrieval_vector", max_upload_size=_LARGEST_VECTOR
    )
    modality = st.segmented_control(
        "It is of",
        place.gallery.names,
        format_func=escape_markdown,
        required=True,
        key="vector-of",
        default=place.gallery.anchor,
    )
    if file is None:
        return None
    return Query(str(modality or place.gallery.anchor), read_vector(file.getvalue()), _known_item(place))


def read_vector(content: bytes) -> Float[np.ndarray, " d"]:
    """Return the one vector in a file: an array as numpy saves it, or numbers as text.

    Raises:
        NumberError: it holds none, several, or numbers that are not finite.
    """
    try:
        if content.startswith(b"\x93NUMPY"):
            values = np.load(io.BytesIO(content), allow_pickle=False)
        else:
            text = content.decode("utf-8").translate(dict.fromkeys(map(ord, "[],;"), " "))
            values = np.array(text.split(), dtype=np.float64)
        vector = np.asarray(values, dtype=np.float32).squeeze()
    except (ValueError, OSError, EOFError, MemoryError, TypeError) as error:
        raise NumberError("this file holds no vector; give one row of numbers, as .npy or as text") from error
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all() or not vector.any():
        raise NumberError(f"expected one row of finite numbers that are not all 0, got shape {values.shape}")
    return vector


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
    return item is not None and gallery.find(item) is not None
