"""More than three: the parallelotope of up to five vectors as a projection, and the volume as vectors join."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from jaxtyping import Float

import gram
from app import theme
from app.components import chart, higher
from app.data import sets
from app.state import selection as selected
from app.text import escape_markdown
from app.views.geometry.presets import equal_cosines
from app.widgets import missing as missing_modalities
from gram.data.embedding_set import EmbeddingSet
from gram.plots import number, volume_by_k

_COUNTS = (3, 4, 5)
URL_KEYS = ()  # its widgets keep their own
_DIMENSIONS = (4, 8, 16, 32, 64, 128, 256, 512)
_SOURCES = ("item", "mismatch", "equal", "random")
_TITLES = {"item": "Your item", "mismatch": "Its mismatch", "equal": "Equal cosines", "random": "Random"}
_FIRST = ("text", "image", "speech", "tones", "fifth")


class Shown(NamedTuple):
    """The vectors to show, what they are called, the dimensions that random ones are compared in, and a sentence."""

    vectors: Float[np.ndarray, "k m"]
    names: list[str]
    d: int
    sentence: str


def render() -> None:
    """Show the lesson."""
    st.markdown(
        "Four or five vectors need as many dimensions; a picture of them leaves something out, and says how much. "
        "**Turn slowly** and see the same body change its looks while its volume stays."
    )
    missing_modalities.show(sets.load_set(selected.current().model))
    _lesson()


@st.fragment
def _lesson() -> None:
    shown = _choose(selected.current())
    if shown is None:
        return
    picture, growth = st.columns([1.5, 1], gap="large")
    with picture:
        higher.show(_best_view(shown.vectors), shown.names, key="higher", dark=theme.is_dark())
    with growth:
        st.markdown(shown.sentence)
        chart.show(
            volume_by_k(shown.vectors, shown.names, d=shown.d, dark=theme.is_dark()),
            key="higher_growth",
            on_action=lambda action: None,
            height=380,
            filename="volume-by-k",
            description="The volume as vectors join, beside that of random vectors",
            tools=(),
        )
        st.caption(
            "Volumes of different k cannot be compared: each further vector can only make V smaller. "
            "V^(1/k), the geometric mean of the heights, can."
        )


def _choose(selection: selected.Selection) -> Shown | None:
    """Show the controls; return what they choose, or None, after a line that says why, where it has no two vectors."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    selected.check_choice("of", "kind of vectors", list(_TITLES.values()))
    source = row.segmented_control(
        "Vectors",
        _SOURCES,
        default="item",
        required=True,
        key="of",
        bind="query-params",
        format_func=_TITLES.__getitem__,
        wrap=True,
    )
    if source in ("item", "mismatch"):
        return _of_item(selection, matched=source == "item")
    selected.check_choice("k", "number of vectors", [str(k) for k in _COUNTS])
    k = int(row.segmented_control("k", _COUNTS, default=4, required=True, key="k", bind="query-params") or 4)
    names = list(_FIRST[:k])
    if source == "equal":
        least, most, key = round(-0.95 / (k - 1), 2), 0.99, f"cosine_{k}"
        selected.check_number(key, "Cosine", least, most)
        cosine = row.slider("Cosine of every two", least, most, 0.5, 0.01, key=key, bind="query-params", width=260)
        vectors = equal_cosines(float(cosine), k)
        d = sets.load_set(selection.model).d
        said = f"Every two of {k} vectors at a cosine of {number(float(cosine))}"
    else:
        selected.check_choice("d", "number of dimensions", [str(d) for d in _DIMENSIONS])
        d = int(row.select_slider("Dimensions d", _DIMENSIONS, 128, key="d", bind="query-params", width=260))
        vectors = np.random.default_rng(0).standard_normal((k, d))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        said = f"{k} random directions in {d} dimensions, nearly orthogonal where d is large"
    return Shown(vectors, names, d, f"{said}: volume **{number(float(gram.volume(vectors)))}**.")


def _of_item(selection: selected.Selection, *, matched: bool) -> Shown | None:
    embedding_set = sets.holding(selection.model, selection.item, selection.partner)
    own, other = (embedding_set.row(item) for item in (selection.item, selection.partner))
    names = [embedding_set.anchor, *selection.candidates]
    rows = [own, *[own if matched else other] * len(selection.candidates)]
    there = [(name, row) for name, row in zip(names, rows) if not missing_modalities.lacks(embedding_set, row, [name])]
    missing = _missing(embedding_set, selection, names, rows)
    if len(there) < 2:
        st.info(f"{missing} Fewer than two vectors span no volume: choose other items, or other candidates.")
        return None
    vectors = np.stack([embedding_set.modalities[name][row].double().numpy() for name, row in there])
    found = [name for name, _ in there]
    whose = selection.item if matched else selection.partner
    if not matched and found[0] == embedding_set.anchor:
        whose = f"{selection.item} with {', '.join(found[1:])} of {selection.partner}"
    said = f"The {len(found)} vectors of {escape_markdown(whose)}: volume **{number(float(gram.volume(vectors)))}**."
    return Shown(vectors, found, embedding_set.d, f"{said} {missing}".strip())


def _missing(embedding_set: EmbeddingSet, selection: selected.Selection, names: list[str], rows: list[int]) -> str:
    """Return a line on the vectors that are not there; "" where all are."""
    ids = {embedding_set.row(item): item for item in (selection.partner, selection.item)}
    lacks: dict[str, list[str]] = {}
    for name, row in zip(names, rows):
        if missing_modalities.lacks(embedding_set, row, [name]):
            lacks.setdefault(ids[row], []).append(name)
    said = "; ".join(
        f"{escape_markdown(item)} lacks {escape_markdown(missing_modalities.listed(of_item))}"
        for item, of_item in lacks.items()
    )
    return f"{said}." if said else ""


def _best_view(vectors: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k m"]:
    """Return the vectors in the orthonormal axes along which they are largest, the largest first.

    The first three axes are those that keep most of the squared lengths (Eckart and Young, 1936), as in
    `gram.embed_in_3d`; nothing is lost in all of them.
    """
    weights, stretches, _ = np.linalg.svd(vectors, full_matrices=False)
    return weights * stretches
