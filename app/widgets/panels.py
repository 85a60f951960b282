"""Numbers as HTML: the volume scale, a tinted Gram matrix, and the formula with its live values.

Every text that comes from a set is escaped here.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gram.plots import style


class Mark(NamedTuple):
    """A value on the volume scale: its name, whether it is of the current item, and what it is in one line."""

    label: str
    value: float
    matched: bool = True
    hint: str = ""


class Factor(NamedTuple):
    """A row of the formula: the volume of some modalities (the anchor first), its base and its height."""

    title: str
    names: Sequence[str]
    base: float
    height: float
    matched: bool = True


def scale(marks: Sequence[Mark], *, reference: Mark | None = None) -> str:
    """Return the volume scale from 0 to 1 with a tick a mark, and a dotted one for the reference under it."""
    steps = ", ".join(style.VOLUME_COLOURS)
    ticks = "".join(_tick(mark) for mark in marks)
    if reference is not None:
        place, hint = _share(reference.value), escape(reference.hint)
        ticks += f'<i class="reference" style="left:{place}" title="{hint}"></i>'
    ends = '<div class="ends quiet"><span>0 aligned</span><span>orthogonal 1</span></div>'
    return f'<div class="scale" style="background:linear-gradient(to right, {steps})">{ticks}</div>{ends}'


def _tick(mark: Mark) -> str:
    """Return a tick with its label: above the scale where matched, below it where not, never past its ends."""
    if math.isnan(mark.value):
        return ""
    kind = "matched" if mark.matched else "mismatched"
    place = _share(mark.value)
    label = f"{escape(mark.label)} {style.number(mark.value)}"
    return (
        f'<i class="{kind}" style="left:{place}" title="{escape(mark.hint)}"></i>'
        f'<b class="{kind}" style="left:{place};transform:translateX(-{place})">{label}</b>'
    )


def _share(value: float) -> str:
    return f"{100 * min(max(value, 0.0), 1.0):.2f}%"


def matrix(gram: Float[np.ndarray, "k k"], names: Sequence[str]) -> str:
    """Return a Gram matrix of unit vectors as a table, tinted by the cosine, each with its angle in degrees."""
    heads = "".join(f"<th>{name_of(name, names)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{name_of(row_name, names)}</th>"
        + "".join(_cell(float(gram[i, j]), row_name, name, i == j) for j, name in enumerate(names))
        + "</tr>"
        for i, row_name in enumerate(names)
    )
    return f'<table class="gram"><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(cosine: float, row: str, column: str, own: bool) -> str:
    if math.isnan(cosine):
        return '<td title="this item lacks one of the two">–</td>'
    if own:
        return '<td style="opacity:.45" title="every vector has length 1">1</td>'
    angle = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
    tint = style.rgba("#4a5fae" if cosine >= 0 else "#d55e00", round(0.08 + 0.5 * abs(cosine), 3))
    hint = escape(f"cosine of {row} and {column}, and the angle between them")
    return f'<td style="background:{tint}" title="{hint}">{_two_places(cosine)}<small>{angle:.0f}°</small></td>'


def _two_places(cosine: float) -> str:
    return f"{cosine:.2f}".replace("-", "−")


def values(*factors: Factor) -> str:
    """Return volume, base and height of factors of the same modalities side by side as a table."""
    names = factors[0].names
    anchor, others = names[0], ", ".join(names[1:])
    rows = (
        ("Volume", f"of {', '.join(names)}: from 0 (dependent) to 1 (orthogonal)", lambda f: f.base * f.height),
        ("Base", f"volume of {others} by themselves: from 0 to 1", lambda f: f.base),
        ("Height", f"distance of {anchor} from the span of {others}: from 0 to 1", lambda f: f.height),
    )  # fmt: skip
    body = "".join(
        f'<tr><th title="{escape(hint)}">{name}</th>'
        + "".join(f"<td>{style.number(take(factor))}</td>" for factor in factors)
        + "</tr>"
        for name, hint, take in rows
    )
    heads = "".join(f"<th>{escape(factor.title)}</th>" for factor in factors)
    return f'<table class="values"><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table>'


def formula(factors: Sequence[Factor]) -> str:
    """Return one line a factor: V(text, image, speech) = base(image, speech) x height(text), with live values."""
    lines = "".join(
        f'<div class="quiet">{escape(factor.title)}</div>'
        f'<div class="line{"" if factor.matched else " mismatched"}">{_line(factor)}</div>'
        for factor in factors
    )
    return f'<div class="panel formula">{lines}</div>'


def _line(factor: Factor) -> str:
    anchor, others = factor.names[:1], factor.names[1:]
    parts = (
        ("V", factor.names, factor.base * factor.height, "="),
        ("base", others, factor.base, "×"),
        ("height", anchor, factor.height, ""),
    )
    return " ".join(
        f"<span><em>{symbol}</em>({', '.join(name_of(name, factor.names) for name in of)}) "
        f"<b>{style.number(value)}</b> {sign}</span>"
        for symbol, of, value, sign in parts
    )


def name_of(name: str, among: Sequence[str]) -> str:
    """Return a modality's name underlined in its colour."""
    return f'<span class="name" style="--colour:{style.colours(among)[name]}">{escape(name)}</span>'
