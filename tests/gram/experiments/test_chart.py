"""Figures of all experiments: axes with units, a legend, and intervals on hover."""

import pytest

from gram.experiments import EXPERIMENTS
from tests.helpers.experiment_tables import figure


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_figure_has_axes_with_units_a_legend_and_a_hover_with_the_interval(name, dark):
    found = figure(name, dark=dark)
    titles = [axis.title.text for axis in (*found.select_xaxes(), *found.select_yaxes()) if axis.title.text]
    assert any("%" in title for title in titles)
    shown = [trace.name for trace in found.data if trace.showlegend is not False]
    assert len(shown) >= 2
    assert len(set(shown)) == len(shown)
    assert found.layout.legend.orientation == "h"
    assert found.layout.height >= 200
    if name != "volume-as-metric":
        told = [list(point) for trace in found.data if trace.customdata is not None for point in trace.customdata]
        assert all(point[2:] == ["95 % interval over seeds", "3"] for point in told)
    assert not any("nan" in str(trace.hovertemplate) for trace in found.data)
