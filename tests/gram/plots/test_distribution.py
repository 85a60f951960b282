"""The histogram of matched and mismatched values: what it draws."""

import numpy as np
import pytest

from gram.plots.distribution import Mark, distribution, largest_share

EDGES = np.linspace(0, 1, 5)
MATCHED = np.array([6, 3, 1, 0])
MISMATCHED = np.array([0, 10, 30, 60])


def traces(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def test_both_histograms_are_shares_of_their_own_totals():
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="volume V")
    (matched,), (mismatched,) = traces(figure, "matched"), traces(figure, "mismatched")
    np.testing.assert_allclose(matched.y, [0.6, 0.3, 0.1, 0])
    np.testing.assert_allclose(mismatched.y, [0, 0.1, 0.3, 0.6])
    np.testing.assert_allclose(matched.x, [0.125, 0.375, 0.625, 0.875])
    assert list(figure.layout.xaxis.range) == [0, 1]
    assert figure.layout.xaxis.title.text == "volume V"
    assert mismatched.marker.pattern.shape == "/"
    assert matched.marker.pattern.shape is None
    assert "10 items" in matched.name
    assert "100 pairs" in mismatched.name


def test_a_bar_says_which_bin_it_is_and_how_many_it_holds():
    (matched,) = traces(distribution(EDGES, MATCHED, MISMATCHED, axis="V"), "matched")
    assert [list(bar) for bar in matched.customdata][1] == [1, 3, 0.25, 0.5]


def test_empty_histograms_are_drawn_as_nothing():
    figure = distribution(EDGES, np.zeros(4, int), np.zeros(4, int), axis="V")
    assert all(not np.any(trace.y) for trace in figure.data)
    assert figure.layout.yaxis.range[1] > 0


def test_marks_are_lines_with_labels_that_do_not_collide():
    marks = [Mark(label="random", value=0.9), Mark(label="4721", value=0.2), Mark(label="none", value=np.nan)]
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="V", marks=marks)
    assert {shape.x0 for shape in figure.layout.shapes} == {0.9, 0.2}
    first, second = figure.layout.annotations
    assert "random" in first.text
    assert "0.900" in first.text
    assert (first.xanchor, second.xanchor) == ("right", "left")
    assert first.yshift != second.yshift


@pytest.mark.parametrize("values", [(0.36, 0.62, 0.97), (0.457, 0.607, 0.977), (0.1, 0.12, 0.95), (0.5, 0.52, 0.55)])
def test_a_line_reaches_up_to_its_label_and_runs_through_no_other(values):
    labels = ("4721", "4721 with 6781", "random vectors")
    marks = [Mark(label=label, value=value) for label, value in zip(labels, values)]
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="V", marks=marks)
    reaches = {shape.x0: shape.y1 for shape in figure.layout.shapes if shape.ysizemode == "pixel"}
    for label in figure.layout.annotations:
        assert reaches[label.x] > label.yshift
        wide = 0.024 * len(label.text.replace("<b>", "").replace("</b>", ""))  # on a phone
        low, high = (label.x - wide, label.x) if label.xanchor == "right" else (label.x, label.x + wide)
        assert low > -0.1
        assert high < 1.1
        for line, top in reaches.items():
            assert not (low < line < high and top > label.yshift + 8), (label.text, line)


def test_a_mark_beyond_the_axis_is_drawn_at_its_end_with_its_true_value():
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="V", marks=[Mark(label="far", value=1.7)])
    assert figure.layout.shapes[0].x0 == 1
    assert "1.70" in figure.layout.annotations[0].text


def test_selected_bins_are_shaded():
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="V", selected=range(1, 3))
    (shade,) = figure.layout.shapes
    assert (shade.x0, shade.x1) == (0.25, 0.75)


def test_compared_figures_share_the_top_of_the_axis():
    top = largest_share(MATCHED, MISMATCHED, np.array([1, 1, 1, 1]))
    assert top == 0.6
    figure = distribution(EDGES, np.array([1, 1, 1, 1]), MISMATCHED, axis="V", largest_share=top)
    assert figure.layout.yaxis.range[1] == pytest.approx(0.6 * 1.08)


@pytest.mark.parametrize("dark", [False, True])
def test_a_figure_lies_on_the_page_in_light_and_dark(dark):
    figure = distribution(EDGES, MATCHED, MISMATCHED, axis="V", dark=dark)
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
