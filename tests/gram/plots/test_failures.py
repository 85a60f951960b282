"""Figures of the failures: what they draw, and what a click on them can be read back as."""

import numpy as np
import pytest

from gram.plots.failures import Rates, confusion, failure_rates, hub_distribution, remedies
from gram.plots.style import RANKING_COLOURS


def rates(name="left", failures=(1, 5, 9), items=(10, 10, 10)):
    failures, items = np.array(failures), np.array(items)
    share = np.divide(failures, items, out=np.full(len(items), np.nan), where=items > 0)
    return Rates(name=name, share=share, low=share - 0.05, high=share + 0.05, failures=failures, items=items)


def traces(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


SPANS = ["0 to 2", "2 to 4", "4 to 6"]


def test_a_line_a_ranking_in_a_band_of_its_interval():
    other = rates("right", failures=(0, 2, 4))
    figure = failure_rates([rates(), other], np.array([1.0, 3.0, 5.0]), axis="noise", spans=SPANS)
    (first,), (second,) = traces(figure, "rates-0"), traces(figure, "rates-1")
    np.testing.assert_allclose(first.y, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(second.y, [0, 0.2, 0.4])
    np.testing.assert_allclose(first.x, [1, 3, 5])
    assert first.line.dash != second.line.dash
    bands = traces(figure, "band")
    np.testing.assert_allclose(bands[0].y, [0.15, 0.55, 0.95, 0.85, 0.45, 0.05])
    assert list(first.customdata[1]) == [1, "2 to 4", "5 of 10", "45.0% to 55.0%"]
    assert figure.layout.yaxis.range[1] == pytest.approx(1.0)
    assert figure.layout.xaxis.title.text == "noise"


def test_a_bin_without_items_leaves_a_gap_and_no_hole_in_the_band():
    figure = failure_rates([rates(failures=(1, 0, 4), items=(10, 0, 10))], np.array([1.0, 3, 5]), axis="x", spans=SPANS)
    assert np.isnan(traces(figure, "rates-0")[0].y[1])
    assert np.isfinite(np.array(traces(figure, "band")[0].y)).all()


def test_words_are_marks_with_error_bars_side_by_side():
    figure = failure_rates([rates(), rates("right")], ["none", "first", "last"], axis="dropped", spans=SPANS)
    first, second = traces(figure, "rates-0")[0], traces(figure, "rates-1")[0]
    assert first.mode == "markers"
    np.testing.assert_allclose(np.array(second.x) - np.array(first.x), 0.16)
    np.testing.assert_allclose(first.error_y.array, 0.05)
    assert list(figure.layout.xaxis.ticktext) == ["none", "first", "last"]
    assert not traces(figure, "band")


def test_selected_bins_are_shaded_as_far_as_half_way_to_the_next():
    chosen = np.array([False, True, False])
    figure = failure_rates([rates()], np.array([1.0, 3.0, 7.0]), axis="x", spans=SPANS, selected=chosen)
    (shade,) = figure.layout.shapes
    assert (shade.x0, shade.x1) == (2, 5)
    all_of_them = failure_rates([rates()], np.array([1.0, 3, 7]), axis="x", spans=SPANS, selected=np.ones(3, bool))
    assert not all_of_them.layout.shapes


def test_what_is_taken_for_what_without_the_diagonal():
    counts = np.array([[50, 3], [0, 70]])
    figure = confusion(counts, ["4", "9"], selected=(0, 1))
    (cells,) = traces(figure, "confusion")
    assert np.isnan(cells.z[0][0])
    assert cells.z[0][1] == 3
    assert cells.zmax == 3  # not 70: what agrees does not set the scale
    (written,) = traces(figure, "counts")
    assert list(zip(written.x, written.y, written.text)) == [("9", "4", "3")]
    assert cells.customdata[1][0] == 2
    (box,) = figure.layout.shapes
    assert (box.x0, box.y0) == (0.5, -0.5)
    with pytest.raises(ValueError, match=r"counts: expected shape \(3, 3\)"):
        confusion(counts, ["4", "9", "1"])


def test_no_mistakes_are_drawn_as_nothing():
    figure = confusion(np.diag([3, 4]), ["a", "b"])
    assert traces(figure, "confusion")[0].zmax == 1
    assert not traces(figure, "counts")[0].text


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 of a colour such as #1f2328."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_every_count_can_be_read_on_its_cell(dark):
    counts = np.arange(100).reshape(10, 10)
    figure = confusion(counts, list("0123456789"), dark=dark)
    (cells,), (written,) = traces(figure, "confusion"), traces(figure, "counts")
    (_, low), (_, middle), (_, high) = cells.colorscale
    for text, ink in zip(written.text, written.textfont.color):
        share = int(text) / cells.zmax
        start, end, way = (low, middle, 2 * share) if share < 0.5 else (middle, high, 2 * share - 1)
        parts = [
            round((1 - way) * int(start[place : place + 2], 16) + way * int(end[place : place + 2], 16))
            for place in (1, 3, 5)
        ]
        ground = luminance("#" + "".join(f"{part:02x}" for part in parts))
        light, shade = sorted((ground, luminance(ink)), reverse=True)
        assert (light + 0.05) / (shade + 0.05) > 3.4, (text, ink)


def test_candidates_by_how_often_they_are_first_in_bars_that_double():
    even, hubs = np.ones(40), np.array([0.0] * 30 + [1.0] * 8 + [3.0, 28.0])
    figure = hub_distribution([even, hubs], ["left", "right"])
    left, right = traces(figure, "hubs-0")[0], traces(figure, "hubs-1")[0]
    assert list(left.x) == ["0", "1", "2", "3–4", "5–8", "9–16", "17–32"]
    counted = {bar[1]: bar[2] for bar in right.customdata}
    assert counted == {"0": 30, "1": 8, "2": 0, "3–4": 1, "5–8": 0, "9–16": 0, "17–32": 1}
    assert {bar[1]: bar[2] for bar in left.customdata}["1"] == 40
    assert figure.layout.yaxis.type == "log"
    assert [bar[0] for bar in right.customdata][-1] == 17


def test_shared_places_are_counted_as_whole_ones():
    (bars,) = hub_distribution([np.array([0.5, 0.5, 1.6, 0.2])], ["left"]).data
    assert {bar[1]: bar[2] for bar in bars.customdata} == {"0": 3, "1": 0, "2": 1}  # a half is rounded to even: 0


def test_a_remedy_is_coloured_where_its_interval_is_on_one_side():
    figure = remedies(
        ["height", "csls", "dual softmax"],
        np.array([0.2, 0.01, -0.1]),
        np.array([0.15, -0.02, -0.15]),
        np.array([0.25, 0.04, -0.05]),
    )
    (dots,) = traces(figure, "remedies")
    np.testing.assert_allclose(dots.x, [20, 1, -10])
    better, nothing, worse = dots.marker.color
    assert len({better, nothing, worse}) == 3
    assert (better, worse) == ("#0072b2", "#d55e00")
    assert list(dots.customdata[0]) == [0, "+20.0", "+15.0 to +25.0"]
    assert [list(line.x) for line in traces(figure, "interval")][2] == [-15, -5]
    assert figure.layout.xaxis.range[0] < -15 < 25 < figure.layout.xaxis.range[1]  # no interval touches a name
    assert figure.layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize("dark", [False, True])
def test_rankings_keep_their_colours_in_every_figure(dark):
    line = traces(failure_rates([rates()], np.array([1.0, 2, 3]), axis="x", spans=SPANS, dark=dark), "rates-0")[0]
    (bars,) = hub_distribution([np.ones(4)], ["left"], dark=dark).data
    assert line.line.color == bars.marker.color == RANKING_COLOURS[0][dark]
