"""What a model is given of a query: words as tokens, pictures as numbers, sounds as spectrograms."""

from html import escape
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float

from app import theme
from app.data import sets
from app.text import escape_markdown
from app.widgets import cards
from gram.data.embedding_set import EmbeddingSet
from gram.datasets import spoken_numbers as numbers
from gram.models.features import band_hertz
from gram.plots.spectrogram import spectrogram
from gram.plots.style import ink_on
from gram.retrieval.query import Query

_RENDER = {"image": numbers.render_image, "speech": numbers.render_speech, "tones": numbers.render_tones}
_PLAIN = {"displayModeBar": False, "scrollZoom": False}


def show(query: Query, gallery: EmbeddingSet, model: str) -> None:
    """Show what a query is and what the model of that name is given of it."""
    if not cards.is_rendered(gallery):
        _show_own(query, gallery)
        return
    content = query.content
    if content is None:
        content = _own(query, gallery)
    if content is None:
        return
    if query.modality == "text":
        st.caption(f"Asked in words: “{content}”. The model sees each word as the number of its token.")
        st.html(tokens_html(str(content), sets.load_model(model).prepare("text", content).tolist()))
    elif query.modality == "image":
        st.caption(_said(query, gallery) or "What the model sees: four digits of 8 × 8 numbers, 0 paper to 16 ink.")
        st.html(pixels_html(content, dark=theme.is_dark()))
    else:
        length = f"{len(content) / numbers.SAMPLE_RATE:.1f} s at 8 kHz"
        label = _said(query, gallery) or f"What the model hears: {length}, as the log-mel spectrogram below."
        st.caption(label)
        _show_sound(query.modality, content, model, label)


def _own(query: Query, gallery: EmbeddingSet) -> Any:
    """Return an item's own picture or sound as its recipe renders it."""
    return _RENDER[query.modality](cards.item_of(gallery, gallery.row(query.id)))


def _show_own(query: Query, gallery: EmbeddingSet) -> None:
    """Show the item of a set of one's own that is asked with, or say what vector is."""
    if isinstance(query.content, np.ndarray):
        st.caption(f"Asked with a vector of {len(query.content):,} numbers, as {escape_markdown(query.modality)}.")
        return
    if query.content is not None:
        own = f"“{escape_markdown(query.content)}”" if isinstance(query.content, str) else "your file"
        st.caption(f"Asked with {own}, embedded as {escape_markdown(query.modality)} by the set's own encoder.")
        return
    st.caption(f"Asked with the {escape_markdown(query.modality)} of {escape_markdown(query.id)}.")
    if markup := cards.large_picture_html(gallery, gallery.row(query.id), dark=theme.is_dark()):
        st.html(markup)


def _said(query: Query, gallery: EmbeddingSet) -> str | None:
    """Return a line on an item's own picture or sound, with what was done to it; None for a person's own."""
    if query.content is not None:
        return None
    row = int((gallery.items["id"] == query.id).to_numpy().argmax())
    told = cards.corruptions(gallery.items.iloc[row], only=query.modality)
    return f"Asked with the {query.modality} of {query.id}" + (f" ({told})" if told else "")


def tokens_html(text: str, found: list[int]) -> str:
    """Return words as boxes, each with the number of its token."""
    boxes = "".join(
        f'<span title="token {token}">{escape(word)}<small>{token}</small></span>'
        for word, token in zip(text.split(), found)
    )
    return f'<div class="tokens">{boxes}</div>'


def pixels_html(strip: Float[np.ndarray, "8 32"], *, dark: bool) -> str:
    """Return the four 8 x 8 pictures enlarged, each value written in its pixel."""
    ink, paper = cards.INK[dark], cards.PAPER[dark]
    boxes = []
    for place, digit in enumerate(np.split(np.asarray(strip), 4, axis=1), start=1):
        cells = "".join(_cell(float(value), ink, paper) for value in digit.ravel())
        boxes.append(f'<div class="pixels" role="img" aria-label="Digit {place} as the model sees it">{cells}</div>')
    return f'<div class="digits">{"".join(boxes)}</div>'


def _cell(value: float, ink: tuple[int, ...], paper: tuple[int, ...]) -> str:
    share = min(max(value / 16, 0.0), 1.0)
    colour = "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(ink, paper))
    return f'<i style="background:{colour};color:{ink_on(colour)}" title="ink {value:.1f} of 16">{value:.0f}</i>'


def _show_sound(modality: str, waveform: Float[np.ndarray, " samples"], model: str, label: str) -> None:
    st.audio(cards.sound_bytes(waveform), format="audio/wav", alt=label)
    loaded = sets.load_model(model)
    features = loaded.prepare(modality, waveform).cpu().numpy()
    figure = spectrogram(
        features,
        band_hertz(len(features), numbers.SAMPLE_RATE).numpy(),
        frame_seconds=loaded.log_mel.hop / numbers.SAMPLE_RATE,
        dark=theme.is_dark(),
    )
    st.plotly_chart(
        figure.update_layout(height=220), width="stretch", config=_PLAIN, key=f"spectrogram_{modality}", theme=None
    )
