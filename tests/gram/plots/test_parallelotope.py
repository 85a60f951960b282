"""The picture of two or three vectors: exact lengths and angles, the anchor over its base, and what is written."""

import itertools
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from gram.plots import Parallelotope, parallelotopes
from gram.plots.parallelotope import standing
from gram.plots.style import COLOURS

NAMES = ("text", "image", "speech")
ISOLATED = np.array([[0.6, 0.0, 0.8], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # base 1, height 0.8


def unit(k=3, d=16, seed=0):
    rows = np.random.default_rng(seed).normal(size=(k, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def body(vectors=None, *, title="4721", matched=True):
    vectors = unit() if vectors is None else vectors
    return Parallelotope(vectors, NAMES[: len(vectors)], title, matched)


def texts(figure):
    return [label.text for label in figure.layout.scene.annotations]


def cones(figure):
    return [trace for trace in figure.data if isinstance(trace, go.Cone)]


def polylines(trace):
    """The points of a line trace, cut at its gaps."""
    points = np.stack([np.asarray(trace[axis], dtype=float) for axis in "xyz"], axis=1)
    cuts = np.flatnonzero(np.isnan(points[:, 0]))
    return [part[~np.isnan(part[:, 0])] for part in np.split(points, cuts)]


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_picture_is_exact(k, seed):
    vectors = unit(k, seed=seed)
    points = standing(vectors)
    np.testing.assert_allclose(points @ points.T, vectors @ vectors.T, atol=1e-12)
    np.testing.assert_allclose(points[1:, 2], 0, atol=1e-12)
    residual = vectors[0] - np.linalg.lstsq(vectors[1:].T, vectors[0], rcond=None)[0] @ vectors[1:]
    assert points[0, 2] == pytest.approx(np.linalg.norm(residual))


def test_the_tips_drawn_have_the_distances_of_the_vectors():
    vectors = unit(seed=3)
    tips = np.array([[cone.x[0], cone.y[0], cone.z[0]] for cone in cones(parallelotopes([body(vectors)]))])
    for i, j in itertools.combinations(range(3), 2):
        assert np.linalg.norm(tips[i] - tips[j]) == pytest.approx(np.linalg.norm(vectors[i] - vectors[j]), abs=1e-6)


def test_every_edge_of_the_body_is_drawn_once_with_its_length():
    vectors = unit(seed=4) * np.array([[1.0], [2.0], [0.5]])
    figure = parallelotopes([body(vectors)])
    edges = next(trace for trace in figure.data if isinstance(trace, go.Scatter3d) and len(polylines(trace)) == 12)
    lengths = sorted(np.linalg.norm(edge[1] - edge[0]) for edge in polylines(edges))
    np.testing.assert_allclose(lengths, np.repeat([0.5, 1.0, 2.0], 4), atol=1e-6)


def test_base_and_height_are_written_and_drawn():
    figure = parallelotopes([body(ISOLATED)])
    assert "<b>height 0.800</b>" in texts(figure)
    assert "<b>base 1.00</b>" in texts(figure)
    dashed = next(trace for trace in figure.data if "height" in (trace.hovertemplate or ""))
    drop = polylines(dashed)[0]
    assert drop[0, 2] - drop[1, 2] == pytest.approx(0.8, abs=1e-6)
    np.testing.assert_allclose(drop[0, :2], drop[1, :2], atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_without_sizes_no_number_gives_an_answer_away(k):
    vectors = unit(k) * 0.7371  # lengths are no secret
    figure = parallelotopes([body(vectors, title="A")], sizes=False)
    said = [*texts(figure), *(trace.hovertemplate or "" for trace in figure.data)]
    assert not any(re.search(r"\d\.\d", text.replace("0.737", "")) for text in said), said
    assert any(text.startswith("height: distance of text") for text in said)
    shown = parallelotopes([body(vectors, title="A")])
    assert {label.name for label in shown.layout.scene.annotations} == {"names", "sizes"}
    names = [label for label in shown.layout.scene.annotations if label.name == "names"]
    assert names == list(figure.layout.scene.annotations)
    shown.layout.scene.annotations = figure.layout.scene.annotations
    assert shown.layout == figure.layout
    solids = [[trace for trace in each.data if trace.type == "mesh3d"] for each in (figure, shown)]
    for hidden, seen in zip(*solids, strict=True):
        np.testing.assert_array_equal(hidden.z, seen.z)


def test_two_vectors_are_an_area():
    figure = parallelotopes([body(np.array([[0.6, 0.8], [1.0, 0.0]]))])
    assert not any(text.startswith("<b>base") for text in texts(figure))
    area = next(trace for trace in figure.data if isinstance(trace, go.Mesh3d))
    assert "volume (k = 2)" in area.hovertemplate
    assert "0.800" in area.hovertemplate


def test_a_vector_has_its_modalitys_colour():
    figure = parallelotopes([body()])
    assert [cone.colorscale[0][1] for cone in cones(figure)] == [COLOURS[name] for name in NAMES]
    assert {f"<b>{name}</b>" for name in NAMES} <= set(texts(figure))


def test_a_name_is_written_beside_its_tip_as_it_is():
    vectors = unit(seed=5)
    figure = parallelotopes([Parallelotope(vectors, ("a<b>&amp;", "image", "speech"), "4721")])
    label = figure.layout.scene.annotations[0]
    assert label.text == "<b>a&lt;b&gt;&amp;amp;</b>"
    tip, origin = (np.array([part[axis][0] for axis in "xyz"]) for part in (cones(figure)[0], figure.data[2]))
    np.testing.assert_allclose([label.x, label.y, label.z], origin + 1.06 * (tip - origin), atol=1e-6)
    assert not any(trace.type == "scatter3d" and "text" in (trace.mode or "") for trace in figure.data)


def test_a_mismatch_is_dashed_and_beside_the_match():
    figure = parallelotopes([body(), body(unit(seed=9), title="1234", matched=False)])
    dashes = [
        trace.line.dash for trace in figure.data if isinstance(trace, go.Scatter3d) and len(polylines(trace)) == 12
    ]
    assert dashes == ["solid", "dash"]
    right = np.array([1.5, 0.95]) / np.hypot(1.5, 0.95)  # as the camera at (0.95, -1.5) sees it
    across = [
        np.stack([np.asarray(mesh.x), np.asarray(mesh.y)], axis=1) @ right
        for mesh in figure.data
        if isinstance(mesh, go.Mesh3d) and len(mesh.x) == 8
    ]
    assert across[0].max() < across[1].min()


def test_a_unit_of_length_is_as_long_in_every_figure():
    def scale(figure):
        scene = figure.layout.scene
        return [
            scene.aspectratio[axis] / np.ptp(scene[f"{axis}axis"].range) for axis in "xyz"
        ]  # screen units a unit of length

    first, second = (parallelotopes([body(unit(seed=seed))]) for seed in (1, 2))
    np.testing.assert_allclose(scale(first), scale(second))
    assert np.ptp(scale(first)) < 1e-6


def test_dependent_vectors_are_still_a_picture():
    vectors = np.repeat(unit(1), 3, axis=0)
    figure = parallelotopes([body(vectors), body(np.zeros((3, 4)))])
    assert [text for text in texts(figure) if "height" in text] == ["<b>height 0</b>"] * 2


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="vectors: expected 2 or 3 rows, got shape"):
        Parallelotope(unit(4), ("a", "b", "c", "d"), "")
    with pytest.raises(ValueError, match="names: expected 3, one a vector, got 2"):
        Parallelotope(unit(3), ("a", "b"), "")
    with pytest.raises(ValueError, match="bodies: expected at least one"):
        parallelotopes([])
    with pytest.raises(ValueError, match="vectors: expected 2 or 3 rows, got 1"):
        standing(unit(1))
