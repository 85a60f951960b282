"""The scatter of a projection: what it draws."""

import numpy as np
import pytest

from gram.plots.scatter import SYMBOLS, ByCategory, ByNumber, Emphasis, sample_rows, scatter
from gram.plots.style import COLOURS

LABELS = [f"{i:04d}" for i in range(6)]


def traces(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def points(n=6, dims=2, names=("text", "image", "speech"), seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(n, dims)).astype(np.float32) for name in names}


@pytest.mark.parametrize(("dims", "kind"), [(2, "scattergl"), (3, "scatter3d")])
def test_every_modality_is_a_cloud_in_its_colour_and_shape_that_knows_its_rows(dims, kind):
    where = points(dims=dims)
    figure = scatter(where, labels=LABELS)
    clouds = traces(figure, "points")
    assert [cloud.name for cloud in clouds] == ["text", "image", "speech"]
    assert {cloud.type for cloud in clouds} == {kind}
    assert [cloud.marker.color for cloud in clouds] == [COLOURS[cloud.name] for cloud in clouds]
    assert [cloud.marker.symbol for cloud in clouds] == list(SYMBOLS[:3])
    for cloud in clouds:
        np.testing.assert_array_equal(cloud.x, where[cloud.name][:, 0])
        assert np.asarray(cloud.x).dtype == np.float32
        np.testing.assert_array_equal(cloud.customdata, np.arange(6))
    assert figure.layout.dragmode == ("lasso" if dims == 2 else "turntable")


def test_missing_points_are_not_drawn_and_rows_still_fit():
    where = points()
    where["image"][2] = np.nan
    (cloud,) = (cloud for cloud in traces(scatter(where, labels=LABELS), "points") if cloud.name == "image")
    np.testing.assert_array_equal(cloud.customdata, [0, 1, 3, 4, 5])
    assert list(cloud.text) == ["0000", "0001", "0003", "0004", "0005"]


def test_only_the_rows_asked_for_are_drawn():
    figure = scatter(points(), labels=LABELS, rows=np.array([1, 4]))
    assert [list(cloud.customdata) for cloud in traces(figure, "points")] == [[1, 4]] * 3


def test_categories_have_one_colour_each_and_a_key():
    colouring = ByCategory(title="third digit", values=list("aabbcz"), order=("a", "b", "c"))
    figure = scatter(points(), labels=LABELS, colouring=colouring)
    for cloud in traces(figure, "points"):
        a, also_a, b, also_b, c, unknown = cloud.marker.color
        assert a == also_a
        assert b == also_b
        assert len({a, b, c, unknown}) == 4
    assert [key.name for key in traces(figure, "key")] == ["a", "b", "c"]
    assert [key.marker.color for key in traces(figure, "key")] == [a, b, c]


def test_numbers_are_coloured_on_a_fixed_scale():
    values = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    figure = scatter(points(), labels=LABELS, colouring=ByNumber(title="volume V", values=values, range=(0, 1)))
    clouds = traces(figure, "points")
    assert [(cloud.marker.cmin, cloud.marker.cmax) for cloud in clouds] == [(0, 1)] * 3
    np.testing.assert_allclose(clouds[1].marker.color, values, atol=1e-6)
    assert [bool(cloud.marker.showscale) for cloud in clouds] == [True, False, False]
    assert clouds[0].marker.colorbar.title.text == "volume V"


def test_ranks_are_coloured_by_their_logarithm_and_named_as_they_are():
    ranks = np.array([1.0, 2, 10, 100, 1000, 2000])
    colouring = ByNumber(title="rank", values=ranks, range=(1, 2000), logarithmic=True)
    cloud = traces(scatter(points(), labels=LABELS, colouring=colouring), "points")[0]
    np.testing.assert_allclose(cloud.marker.color, np.log10(ranks), atol=1e-6)
    assert cloud.marker.cmax == pytest.approx(np.log10(2000))
    assert cloud.marker.colorbar.ticktext == ("1", "10", "100", "1,000", "10,000")


@pytest.mark.parametrize("dims", [2, 3])
def test_the_current_item_is_ringed_named_and_joined_past_what_it_lacks(dims):
    where = points(dims=dims)
    where["image"][3] = np.nan
    partner = Emphasis(row=1, label="0001", dashed=True)
    figure = scatter(where, labels=LABELS, emphasis=[Emphasis(row=3, label="0003"), partner])
    ring, partners_ring = traces(figure, "emphasis")
    expected = np.stack([where["text"][3], where["speech"][3]])
    np.testing.assert_array_equal(ring.x, expected[:, 0])
    names = figure.layout.annotations if dims == 2 else figure.layout.scene.annotations
    assert [name.text for name in names] == ["0003", "0001"]
    assert list(partners_ring.customdata) == [1, 1, 1]
    line, dashed = traces(figure, "lines")
    np.testing.assert_array_equal(np.asarray(line.x)[:2], expected[:, 0])
    assert np.isnan(np.asarray(line.x)[2:]).all()
    assert (line.line.dash, dashed.line.dash) == ("solid", "dash")


def test_the_name_is_written_at_the_first_point_that_is_there():
    where = points()
    where["text"][3] = np.nan
    (name,) = scatter(where, labels=LABELS, emphasis=[Emphasis(row=3, label="0003")]).layout.annotations
    assert (name.x, name.y) == pytest.approx(tuple(where["image"][3]))


def test_an_item_without_any_point_is_not_named():
    where = {name: np.full((6, 2), np.nan, dtype=np.float32) for name in ("text", "image")}
    figure = scatter(where, labels=LABELS, emphasis=[Emphasis(row=3, label="0003")])
    assert not figure.layout.annotations


def test_joined_items_are_open_lines():
    where = points()
    figure = scatter(where, labels=LABELS, joined=[0, 5])
    (line,) = traces(figure, "lines")
    assert np.isnan(np.asarray(line.x)).tolist() == [False] * 3 + [True] + [False] * 3 + [True]
    assert line.x[4] == where["text"][5, 0]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    "colouring",
    [
        None,
        ByNumber(title="V", values=np.arange(6) / 6, range=(0, 1)),
        ByCategory(title="digit", values="aabbcc", order="abc"),
    ],
)
def test_selected_items_stay_bright_in_every_modality_in_their_colours_and_the_others_fade(dims, colouring):
    where = points(dims=dims)
    plain = traces(scatter(where, labels=LABELS, colouring=colouring), "points")
    figure = scatter(where, labels=LABELS, colouring=colouring, selected=[2, 4])
    bright = traces(figure, "selected")
    assert [trace.name for trace in bright] == list(where)
    for trace, faded, before in zip(bright, traces(figure, "points"), plain, strict=True):
        assert list(trace.customdata) == [2, 4]
        np.testing.assert_array_equal(trace.x, where[trace.name][[2, 4], 0])
        assert faded.marker.opacity < 0.3 < trace.marker.opacity
        if colouring is None:
            assert trace.marker.color == before.marker.color
        else:
            assert list(trace.marker.color) == [before.marker.color[row] for row in (2, 4)]


@pytest.mark.parametrize("dims", [2, 3])
def test_the_key_of_categories_leaves_the_picture_its_room_and_the_shapes_have_no_category(dims):
    colouring = ByCategory(title="digit", values=list("aabbcc"), order=("a", "b", "c"))
    figure = scatter(points(dims=dims), labels=LABELS, colouring=colouring)
    assert {key.legend for key in traces(figure, "key")} == {"legend2"}  # below the picture, each would take a line
    assert figure.layout.legend2.title.text == "digit"
    shapes = traces(figure, "shape")
    assert [shape.marker.symbol for shape in shapes] == list(SYMBOLS[:3])
    assert not {shape.marker.color for shape in shapes} & {key.marker.color for key in traces(figure, "key")}
    shown = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert sorted(shown) == ["a", "b", "c", "image", "speech", "text"]


def test_what_is_aligned_has_an_edge_on_a_dark_ground_where_its_dark_colour_would_be_lost():
    colouring = ByNumber(title="volume V", values=np.zeros(6), range=(0, 1))
    widths = [
        traces(scatter(points(), labels=LABELS, colouring=colouring, dark=dark), "points")[0].marker.line.width
        for dark in (False, True)
    ]
    assert widths[0] == 0 < widths[1]


def test_a_sample_is_taken_only_when_there_are_too_many_points_and_is_the_same_each_time():
    np.testing.assert_array_equal(sample_rows(10, 4, limit=40), np.arange(10))
    sample = sample_rows(1000, 4, limit=400)
    assert len(sample) == 100
    assert len(set(sample.tolist())) == 100
    assert (np.diff(sample) > 0).all()
    np.testing.assert_array_equal(sample, sample_rows(1000, 4, limit=400))


@pytest.mark.parametrize(
    "where",
    [{}, {"text": np.zeros((6, 4))}, {"text": np.zeros((5, 2))}, {"text": np.zeros((6, 2)), "image": np.zeros((6, 3))}],
)
def test_points_that_do_not_fit_are_refused(where):
    with pytest.raises(ValueError, match=r"points: expected one modality or more of shape \(6, 2 or 3\), got"):
        scatter(where, labels=LABELS)


@pytest.mark.parametrize("dark", [False, True])
def test_a_figure_lies_on_the_page_in_light_and_dark(dark):
    figure = scatter(points(), labels=LABELS, dark=dark)
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
