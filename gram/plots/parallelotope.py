"""Exact 3D pictures of the parallelotopes that two or three vectors span: base on the floor, anchor above it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from gram.geometry import base_and_height, embed_in_3d
from gram.plots import style

Points = Float[np.ndarray, "n 3"]
Spot = tuple[Float[np.ndarray, " 3"], str, str, str]  # place, text, colour, side of the place as in `_SIDES`

UNIT = 0.62  # how long a vector of length 1 is, in the units in which plotly places its camera
_WIDEST = 1.9  # in the same units: wider rows of bodies are drawn smaller, to fit the picture
_EYE = {"x": 0.95, "y": -1.5, "z": 0.8}  # where the camera starts
_ROW = np.array([-_EYE["y"], _EYE["x"], 0.0]) / math.hypot(_EYE["x"], _EYE["y"])  # to the right as it sees it
_GAP = 0.5  # free floor between two bodies
_MARK = 0.09  # side of the right-angle mark
_FACES = ((0, 1, 5), (0, 5, 4), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 3, 7), (1, 7, 5), (4, 5, 7), (4, 7, 6))
_BODY = {False: "#3a4a7a", True: "#a9b8ee"}
_SIDES: dict[str, dict[str, Any]] = {  # where a label stands beside its place, in pixels
    "above": {"yshift": 18},
    "below": {"yshift": -18},
    "right": {"xanchor": "left", "xshift": 12},
    "below right": {"xanchor": "left", "xshift": 12, "yshift": -18},
}


@dataclass(frozen=True)
class Parallelotope:
    """One parallelotope to draw.

    Attributes:
        vectors: (2 or 3, d), the anchor first; a picture of more would not be exact.
        names: of the modalities, in that order.
        title: the text above it.
        matched: solid where true; a mismatch is grey, with dashed edges.
    """

    vectors: Float[np.ndarray, "k d"]
    names: Sequence[str]
    title: str
    matched: bool = True

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) not in (2, 3):
            raise ValueError(f"vectors: expected 2 or 3 rows, got shape {self.vectors.shape}; choose which to draw")
        if len(self.names) != len(self.vectors):
            raise ValueError(f"names: expected {len(self.vectors)}, one a vector, got {len(self.names)}")

    @property
    def base_and_height(self) -> tuple[float, float]:
        """Base (volume of all vectors but the anchor) and height (distance of the anchor from their span)."""
        base, height = base_and_height(self.vectors[:1], *self.vectors[1:, None])
        return float(base[0]), float(height[0, 0])


def parallelotopes(bodies: Sequence[Parallelotope], *, dark: bool = False, sizes: bool = True) -> go.Figure:
    """Return parallelotopes side by side on one floor, with exact lengths, angles, bases and heights.

    The picture is an isometry of the span of each body's vectors (no projection): the vectors but the anchor lie on
    the floor, the first of them along +x, and the anchor stands above it, so its height is that of its tip. A unit of
    length is equally long in every figure (but in very wide ones), so that figures can be compared.

    Args:
        bodies: one or more, the matched one first.
        dark: for a dark ground.
        sizes: whether base, height and volume are written and shown on hover; a question leaves them out.

    Raises:
        ValueError: no body, or one that does not have 2 or 3 vectors and as many names.

    Source: Gram-Schmidt coordinates, see `gram.geometry.embed_in_3d`.
    """
    if not bodies:
        raise ValueError("bodies: expected at least one, got none")
    placed = _side_by_side([standing(body.vectors) for body in bodies])
    painters = [_Painter(body, origin, points, dark, sizes) for body, (origin, points) in zip(bodies, placed)]
    corners = np.concatenate([origin + _corners(points) for origin, points in placed])
    layout = _layout(corners, dark)
    layout.scene.annotations = [label for painter in painters for label in painter.labels()]
    return go.Figure([trace for painter in painters for trace in painter.traces()], layout)


def standing(vectors: Float[np.ndarray, "k d"]) -> Points:
    """Return exact coordinates (k, 3) with all rows but the first on the floor z = 0 and the first above it.

    Raises:
        ValueError: not 2 or 3 vectors.
    """
    if len(vectors) not in (2, 3):
        raise ValueError(f"vectors: expected 2 or 3 rows, got {len(vectors)}; choose which to draw")
    points, _ = embed_in_3d(np.roll(np.asarray(vectors, dtype=np.float64), -1, axis=0))
    if len(vectors) == 2:
        points = points[:, [0, 2, 1]]
    return np.roll(points, 1, axis=0)


def _corners(points: Points) -> Points:
    """Return the 2^k corners: corner b is the sum of the vectors whose bit is set in b."""
    k = len(points)
    bits = (np.arange(2**k)[:, None] >> np.arange(k)[::-1]) & 1
    return bits @ points


def _side_by_side(each: Sequence[Points]) -> list[tuple[Points, Points]]:
    """Return each body's origin and its vectors, in a row from left to right as the camera first sees them."""
    placed, edge = [], 0.0
    for points in each:
        corners = _corners(points)
        across = corners @ _ROW
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        sideways = middle @ _ROW * _ROW  # along the row bodies stand by their outlines, across it by their middles
        origin = (edge - across.min()) * _ROW - np.array([*(middle - sideways)[:2], 0.0])
        placed.append((origin, points))
        edge += across.max() - across.min() + _GAP
    return [(origin - (edge - _GAP) / 2 * _ROW, points) for origin, points in placed]


class _Painter:
    """Draws one body; `origin` is where it stands."""

    def __init__(self, body: Parallelotope, origin: Points, points: Points, dark: bool, sizes: bool) -> None:
        self.body, self.origin, self.points, self.dark, self.sizes = body, origin, points, dark, sizes
        self.colours = style.colours(body.names)
        self.grey = style.MISMATCH[dark]
        self.colour = _BODY[dark] if body.matched else self.grey
        self.base, self.height = body.base_and_height
        self.foot = np.array([*points[0][:2], 0.0])

    def traces(self) -> list[go.Scatter3d | go.Mesh3d | go.Cone]:
        """Return all traces of the body; its text is in `labels`."""
        flat = len(self.points) == 2
        solids = [self._area(self.points)] if flat else [self._faces(), self._area(self.points[1:])]
        arrows = [part for name, tip in zip(self.body.names, self.points) for part in self._arrow(name, tip)]
        return [*solids, self._edges(), self._height(), *arrows]

    def _faces(self) -> go.Mesh3d:
        """Return the faces but the base, which is a trace of its own."""
        return self._mesh(_corners(self.points), _FACES, opacity=0.13, hoverinfo="skip")

    def _area(self, sides: Points) -> go.Mesh3d:
        """Return the parallelogram of two vectors: the base, or for k = 2 the body itself."""
        what = f"base: the area that {_and(self.body.names[1:])} span"
        value = self.base
        if len(self.points) == 2:
            what, value = f"volume (k = 2): the area that {_and(self.body.names)} span", self.base * self.height
        return self._mesh(
            _corners(sides), ((0, 1, 3), (0, 3, 2)), opacity=0.34,
            hovertemplate=self._hover(what, value),
        )  # fmt: skip

    def _mesh(self, corners: Points, faces: Sequence[tuple[int, int, int]], **look: object) -> go.Mesh3d:
        i, j, k = zip(*faces)
        return go.Mesh3d(
            **self._at(corners), i=i, j=j, k=k, color=self.colour, flatshading=True,
            lighting={"ambient": 0.9, "diffuse": 0.25, "specular": 0}, **look,
        )  # fmt: skip

    def _edges(self) -> go.Scatter3d:
        corners = _corners(self.points)
        pairs = [(a, a | bit) for a in range(len(corners)) for bit in (1, 2, 4) if a < a | bit < len(corners)]
        dash = "solid" if self.body.matched else "dash"
        return self._line([corners[[a, b]] for a, b in pairs], self.colour, width=2, dash=dash, hoverinfo="skip")

    def _height(self) -> go.Scatter3d:
        """Return the dashed drop from the anchor's tip to the floor, its foot, and the right angle between them."""
        tip, foot = self.points[0], self.foot
        parts = [np.array([tip, foot]), np.array([np.zeros(3), foot])]
        along, length = -foot, float(np.linalg.norm(foot))
        if length > 2 * _MARK and tip[2] > 2 * _MARK:
            step, up = along / length * _MARK, np.array([0.0, 0.0, _MARK])
            parts.append(foot + np.array([step, step + up, up]))
        anchor = self.body.names[0]
        hint = f"height: distance of {anchor} from the span of {_and(self.body.names[1:])}"
        return self._line(
            parts, style.INK[self.dark], width=3, dash="dash",
            hovertemplate=self._hover(hint, self.height),
        )  # fmt: skip

    def _hover(self, what: str, value: float) -> str:
        return f"{what}: {style.number(value)}<extra></extra>" if self.sizes else f"{what}<extra></extra>"

    def _arrow(self, name: str, tip: Float[np.ndarray, " 3"]) -> tuple[go.Scatter3d, go.Cone]:
        length = float(np.linalg.norm(tip))
        own = self.body.matched or name == self.body.names[0]
        hover = f"{name}: length {style.number(length)}<extra></extra>"
        colour = self.colours[name]
        shaft = self._line(
            [np.array([np.zeros(3), tip * (1 - 0.06 / max(length, 0.06))])], colour,
            width=7 if own else 5, dash="solid", hovertemplate=hover,
        )  # fmt: skip
        direction = tip / length * 0.12 if length else tip
        head = go.Cone(
            **self._at(tip[None]), **{axis: [value] for axis, value in zip("uvw", direction)},
            anchor="tip", sizemode="raw", sizeref=1, showscale=False, colorscale=[[0, colour], [1, colour]],
            lighting={"ambient": 0.85, "diffuse": 0.3, "specular": 0}, hovertemplate=hover,
        )  # fmt: skip
        return shaft, head

    def labels(self) -> list[go.layout.scene.Annotation]:
        """Return the names at the tips with the title above, and the sizes: height at its foot, base at its corner.

        They are named "names" and "sizes", so that a small picture can leave out the latter. They are annotations,
        for text of a trace is triangulated, which takes half of the time of a picture.
        """
        corners = _corners(self.points)
        top = np.array([*corners.mean(axis=0)[:2], max(corners[:, 2].max(), 0.4) + 0.3])
        ink = style.INK[self.dark]
        spots = [
            (tip * 1.06, name, self.colours[name], side)
            for name, tip, side in zip(self.body.names, self.points, ("above", "below", "right"))
        ]
        spots.append((top, self.body.title, ink if self.body.matched else self.grey, "above"))
        sizes: list[Spot] = []
        if self.sizes:
            sizes.append((self.foot, f"height {style.number(self.height)}", ink, "below right"))
            if len(self.points) == 3:
                corner = self.points[1] + self.points[2]
                sizes.append((corner, f"base {style.number(self.base)}", self.colour, "below right"))
        return [*(self._label(spot, "names") for spot in spots), *(self._label(spot, "sizes") for spot in sizes)]

    def _label(self, spot: Spot, name: str) -> go.layout.scene.Annotation:
        place, text, colour, side = spot
        x, y, z = (self.origin + place).tolist()
        return go.layout.scene.Annotation(
            x=x, y=y, z=z, text=f"<b>{escape(text, quote=False)}</b>", name=name, showarrow=False, borderpad=0,
            font={"color": colour, "size": 13, "family": style.FONT}, **_SIDES[side],
        )  # fmt: skip

    def _line(self, parts: Sequence[Points], colour: str, *, width: int, dash: str, **look: object) -> go.Scatter3d:
        """Return separate polylines as one trace."""
        gap = np.full((1, 3), np.nan)
        joined = np.concatenate([row for part in parts for row in (part, gap)][:-1])
        return go.Scatter3d(
            **self._at(joined), mode="lines", line={"color": colour, "width": width, "dash": dash}, **look
        )

    def _at(self, points: Points) -> dict[str, Float[np.ndarray, " n"]]:
        return dict(zip("xyz", (self.origin + points).T.astype(np.float32)))


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _layout(corners: Points, dark: bool) -> go.Layout:
    """Return a scene without axes in which a unit of length is always equally long."""
    low, high = corners.min(axis=0) - 0.25, corners.max(axis=0) + np.array([0.25, 0.25, 0.5])
    low[2] = 0.0
    hidden = {"visible": False, "showspikes": False}
    axes = {f"{axis}axis": {**hidden, "range": [float(a), float(b)]} for axis, a, b in zip("xyz", low, high)}
    across = corners @ _ROW
    unit = min(UNIT, _WIDEST / float(across.max() - across.min()))
    ratio = {axis: float(span) * unit for axis, span in zip("xyz", high - low)}
    return go.Layout(
        template=style.template(dark=dark),
        showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        uirevision="kept",
        scene={
            **axes, "aspectmode": "manual", "aspectratio": ratio, "dragmode": "turntable", "uirevision": "kept",
            "camera": {
                "eye": _EYE, "up": {"x": 0, "y": 0, "z": 1}, "center": {"x": 0, "y": 0, "z": -0.08},
                "projection": {"type": "perspective"},
            },
        },
    )  # fmt: skip
