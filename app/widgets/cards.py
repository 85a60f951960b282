"""An item as a card: its number, picture, sounds, and what was corrupted, in plain words.

A picture is drawn at once (200 bytes); a sound is rendered when someone presses play. Sets that carry media
files show those instead.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import streamlit as st
from jaxtyping import Float
from PIL import Image

from app import theme
from app.components import cards as card_list
from app.data import retrieval
from app.text import escape_markdown
from app.widgets import missing
from gram.data.embedding_set import EmbeddingSet
from gram.datasets import spoken_numbers as numbers

SOUNDS = ("speech", "tones")
_SEEN_AS = {"image": "picture"}  # what a person calls it
_PLACES = ("first", "second", "third", "last")
_RECIPE = {"handwriting", "takes", "voice", "seed"}  # columns that only an item of the built-in sets has
# colours by whether the page is dark
INK = {False: (28, 32, 38), True: (232, 234, 238)}
PAPER = {False: (246, 246, 243), True: (38, 41, 48)}
_IMAGE_TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".gif": "gif"}
_AUDIO_TYPES = {".wav": "wav", ".flac": "flac", ".ogg": "ogg", ".mp3": "mpeg"}
_HEADLINE = "font-size:2.25rem;line-height:1.2;font-weight:600;letter-spacing:.06em;font-variant-numeric:tabular-nums"
LARGE = "display:block;width:100%;max-width:24rem;aspect-ratio:4/1;image-rendering:pixelated;border-radius:.375rem"
_LARGEST_FILE = 4 * 2**20  # bytes of a media file that a card carries


def is_rendered(gallery: EmbeddingSet) -> bool:
    """Return whether the set's media are rendered from recipes (the built-in sets)."""
    return set(gallery.items.columns) >= _RECIPE


def item_of(gallery: EmbeddingSet, row: int) -> dict[str, Any]:
    """Return a row of the items by column."""
    return {str(column): value for column, value in gallery.items.iloc[row].items()}


def corruptions(item: Mapping[str, Any] | pd.Series, *, only: str | None = None, lacking: Sequence[str] = ()) -> str:
    """Return what was done to an item's modalities, in plain words; "" for an item that does not say.

    Example: "picture: third digit covered, slight noise; speech: last digit dropped, voice 6 dB over the noise".

    Args:
        item: a row of the items.
        only: image, speech or tones alone, without its name; default: all three.
        lacking: those that the item does not have.
    """
    if "image_noise" not in item:
        return ""
    told = {
        "image": _phrase(item["image_occluded"], "covered", _grain(float(item["image_noise"]))),
        "speech": _phrase(item["speech_dropped"], "dropped", f"voice {_level(item['speech_snr'])}"),
        "tones": _phrase(item["tones_dropped"], "dropped", _level(item["tones_snr"])),
    }
    if only:
        return told.get(only, "")
    return "; ".join(f"{_SEEN_AS.get(name, name)}: {phrase}" for name, phrase in told.items() if name not in lacking)


def corruptions_of(gallery: EmbeddingSet, row: int) -> str:
    """Return what was done to the modalities that an item has; see `corruptions`."""
    return corruptions(item_of(gallery, row), lacking=_lacking(gallery, row))


def _phrase(position: Any, verb: str, noise: str) -> str:
    return f"{_PLACES[int(position)]} digit {verb}, {noise}" if int(position) >= 0 else noise


def _grain(noise: float) -> str:
    return f"{'no' if noise < 0.5 else 'slight' if noise < 2 else 'clear' if noise < 3.5 else 'strong'} noise"


def _level(snr: float) -> str:
    return f"{abs(snr):.0f} dB {'over' if snr >= 0 else 'under'} the noise"


def picture_uri(picture: Float[np.ndarray, "8 32"], *, dark: bool) -> str:
    """Return a strip of digits (0 paper to 16 ink) as a PNG data URI, one pixel a value; CSS enlarges it."""
    share = np.clip(np.asarray(picture, dtype=np.float32) / 16, 0, 1)[..., None]
    pixels = share * np.array(INK[dark]) + (1 - share) * np.array(PAPER[dark])
    buffer = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(buffer, "PNG")
    return _uri("image/png", buffer.getvalue())


def sound_bytes(waveform: Float[np.ndarray, " samples"]) -> bytes:
    """Return a waveform at 8 kHz as a 16-bit WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), numbers.SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


# cards in a list


def picture_html(gallery: EmbeddingSet, row: int, *, dark: bool) -> str:
    """Return an item's pictures as `<img>` elements with alternative texts; "" where it has none."""
    item = item_of(gallery, row)
    if is_rendered(gallery):
        if "image" in gallery.names and not gallery.has(row, "image"):
            return ""
        covered = int(item["image_occluded"])
        note = f", {_PLACES[covered]} digit covered" if covered >= 0 else ""
        return strip_html(numbers.render_image(item), f"Handwritten {item['label']}{note}", dark=dark)
    photos = [
        (_uri(f"image/{kind}", content), escape(f"{column} of {item['id']}"))
        for column, kind, content in _files(gallery, row, _IMAGE_TYPES)
    ]
    return "".join(f'<img class="photo" src="{source}" alt="{label}">' for source, label in photos)


def strip_html(strip: Float[np.ndarray, "8 32"], alt: str, *, dark: bool, style: str = "") -> str:
    """Return a strip of digits as an `<img>` element."""
    look = f' style="{style}"' * bool(style)
    return f'<img class="picture"{look} src="{picture_uri(strip, dark=dark)}" alt="{escape(alt)}">'


def listen_html(gallery: EmbeddingSet, row: int, *, place: str, only: str = "") -> str:
    """Return the play buttons of an item, or the one of a modality; `place` tells two cards of the same item apart."""
    item_id = escape(str(gallery.items["id"].iloc[row]), quote=True)
    return "".join(
        f'<button type="button" class="press" data-action="listen" data-sign="▶" data-id="{item_id}" '
        f'data-modality="{escape(name)}" data-sound="{escape(place)}-{item_id}-{escape(name)}" '
        f'aria-label="Play the {escape(name)} of {item_id}">{escape(name)}</button>'
        for name in sound_names(gallery, row)
        if only in ("", name)
    ) + _lacking_html(gallery, row, only)


def _lacking_html(gallery: EmbeddingSet, row: int, only: str = "") -> str:
    """Return which modalities an item lacks, as "no speech"; "" where it has all, or the one asked for."""
    lacking = [name for name in _lacking(gallery, row) if only in ("", name)]
    return f'<span class="quiet">no {escape(", ".join(lacking))}</span>' if lacking else ""


def _lacking(gallery: EmbeddingSet, row: int) -> list[str]:
    return missing.lacks(gallery, row, gallery.names)


def sound_names(gallery: EmbeddingSet, row: int) -> tuple[str, ...]:
    """Return what can be played of an item: speech and tones, or the set's own audio columns."""
    if is_rendered(gallery):
        return tuple(name for name in SOUNDS if name not in gallery.names or gallery.has(row, name))
    return tuple(column for column, _, _ in _files(gallery, row, _AUDIO_TYPES))


def sound_of(gallery: EmbeddingSet, row: int, name: str) -> tuple[str, bytes]:
    """Return the MIME type and the content of one of an item's sounds.

    Raises:
        KeyError: the item has no such sound.
    """
    if is_rendered(gallery):
        render = {"speech": numbers.render_speech, "tones": numbers.render_tones}[name]
        item = item_of(gallery, row)
        return "audio/wav", retrieval.rendered_sound(
            str(item["id"]), int(item["seed"]), name, lambda: sound_bytes(render(item))
        )
    files = {column: (kind, content) for column, kind, content in _files(gallery, row, _AUDIO_TYPES)}
    kind, content = files[name]
    return f"audio/{kind}", content


def _files(gallery: EmbeddingSet, row: int, types: Mapping[str, str]) -> list[tuple[str, str, bytes]]:
    """Return (column, type, content) of an item's media files of some types, but missing and very large ones."""
    found = []
    for column in gallery.media_columns:
        path = gallery.media_file(row, column)
        kind = types.get(path.suffix.lower()) if path is not None else None
        if path is not None and kind and path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            found.append((column, kind, path.read_bytes()))
    return found


def card_html(
    gallery: EmbeddingSet, row: int, *, place: str, dark: bool, caption: str = "", current: bool = False
) -> str:
    """Return one compact card: number, caption, picture, play buttons, corruption; `caption` is escaped here."""
    item = item_of(gallery, row)
    item_id = escape(str(item["id"]), quote=True)
    parts = [
        number_html(gallery, row, place=place),
        _div(caption),
        picture_html(gallery, row, dark=dark),
        f'<div class="actions">{listen_html(gallery, row, place=place)}</div>',
        _div(corruptions_of(gallery, row), kind="quiet"),
    ]
    return f'<li class="card{" current" * current}" data-id="{item_id}">{"".join(parts)}</li>'


def _div(text: str, *, kind: str = "", style: str = "") -> str:
    look = f' class="{kind}"' * bool(kind) + f' style="{style}"' * bool(style)
    return f"<div{look}>{escape(text)}</div>" if text else ""


def number_html(gallery: EmbeddingSet, row: int, *, place: str) -> str:
    """Return an item's label as a button that selects it."""
    item = item_of(gallery, row)
    item_id = escape(str(item["id"]), quote=True)
    label = escape(str(item.get("label", item["id"])))
    return (
        f'<button type="button" class="number" data-action="select" data-id="{item_id}" '
        f'data-focus="{escape(place)}-{item_id}">{label}</button>'
    )


def cards(
    gallery: EmbeddingSet,
    rows: Sequence[int],
    *,
    key: str,
    captions: Sequence[str] | None = None,
    current: str | None = None,
) -> str | None:
    """Show items as a grid of compact cards; return the id of the one that was just chosen, else None.

    Args:
        gallery: the set the items are of.
        rows: which items, in order; a few dozen at most.
        key: the grid's name in the session.
        captions: one line of plain text an item.
        current: id of the item to mark.
    """
    dark = theme.is_dark()
    ids = gallery.items["id"]
    items = "".join(
        card_html(
            gallery,
            row,
            place=key,
            dark=dark,
            caption=captions[number] if captions else "",
            current=str(ids.iloc[row]) == current,
        )
        for number, row in enumerate(rows)
    )
    action = show(f'<ol class="grid">{items}</ol>', gallery, key=key)
    return action["id"] if action and action["action"] == "select" else None


def show(
    markup: str,
    gallery: EmbeddingSet,
    *,
    key: str,
    styles: str = "",
    on_action: Callable[[dict[str, str]], None] | None = None,
) -> dict[str, str] | None:
    """Show cards' markup, play what is asked for, and return any other action that was just taken.

    An action is the data attributes of what was pressed: {"action": "select", "id": "4721"}.

    Args:
        markup: safe HTML.
        gallery: the set the items are of.
        key: the cards' name in the session.
        styles: a further style sheet; see `app.components.cards`.
        on_action: takes the actions instead, before the page reruns, as widget callbacks do.
    """
    waiting = f"{key}:action"

    def keep(action: dict[str, str]) -> None:
        if on_action is not None and action["action"] != "listen":
            on_action(action)
        else:
            st.session_state[waiting] = action

    action = st.session_state.pop(waiting, None)
    listening = action is not None and action["action"] == "listen"
    sound = _sound_uri(gallery, action) if listening and action else None
    card_list.show(markup, key=key, on_action=keep, sound=sound, styles=styles)
    return None if listening else action


def _sound_uri(gallery: EmbeddingSet, action: Mapping[str, str]) -> str | None:
    row = gallery.find(action["id"])
    if row is None or action["modality"] not in sound_names(gallery, row):
        return None
    kind, content = sound_of(gallery, row, action["modality"])
    return f"{_uri(kind, content)}#{action['sound']}"


# one item, large


def card(gallery: EmbeddingSet, row: int) -> None:
    """Show one item large: number, words, picture, a player a sound, and what was corrupted."""
    item = item_of(gallery, row)
    st.html(large_html(gallery, row, dark=theme.is_dark()))
    for name in sound_names(gallery, row):
        kind, content = sound_of(gallery, row, name)
        st.caption(escape_markdown(name.capitalize()))
        st.audio(content, format=kind, alt=f"{name} of {item['id']}")
    if note := corruptions_of(gallery, row):
        st.caption(f"Corrupted: {escape_markdown(note)}.")


def large_html(gallery: EmbeddingSet, row: int, *, dark: bool) -> str:
    """Return the number, the words and the picture of an item, in large."""
    item = item_of(gallery, row)
    parts = [
        _div(str(item.get("label", item["id"])), style=_HEADLINE),
        _div(str(item.get("words", "")), style="opacity:.7;margin-bottom:.5rem"),
        large_picture_html(gallery, row, dark=dark),
    ]
    return "".join(parts)


def large_picture_html(gallery: EmbeddingSet, row: int, *, dark: bool) -> str:
    """Return an item's pictures, large, for a page that has no card styles."""
    return picture_html(gallery, row, dark=dark).replace('class="picture"', f'style="{LARGE}"')
