"""Figures of the experiments: what they draw of a table, from tables made here."""

import numpy as np
import pandas as pd
import pytest

from gram.experiments import EXPERIMENTS


def row(metric, value, **keys):
    """Return a row for all seeds together."""
    return {
        **keys, "metric": metric, "value": value, "low": value - 0.02, "high": value + 0.03, "interval": "seeds",
        "seed": -1, "seeds": 3,
    }  # fmt: skip


def table(name):
    """Return a made table of an experiment: each value is its own, so that it is found again in the figure."""
    losses = {"gram": 0.0, "cosine": 0.1}
    if name == "losses-and-measures":
        return [
            row("R@1", 0.3 + shift + 0.05 * place + turn, loss=loss, measure=measure, direction=direction)
            for loss, shift in losses.items()
            for place, measure in enumerate(("volume", "height", "cosine"))
            for turn, direction in ((0.0, "query-to-candidates"), (0.2, "candidates-to-query"))
        ]
    if name == "modalities":
        steps = ("image", "image+speech", "image+speech+tones")
        return [
            row("R@1", 0.2 + shift + 0.1 * place - (0.05 if trained != tested else 0), loss=loss, trained=trained,
                tested=tested, measure={"gram": "volume", "cosine": "cosine"}[loss], against="")
            for loss, shift in losses.items()
            for trained in steps
            for place, tested in enumerate(steps)
            if len(tested) <= len(trained)
        ]  # fmt: skip
    if name == "volume-as-metric":
        keys = {"scope": "", "target": "", "predictor": ""}
        points = [
            {**row(metric, value, loss=loss, step=step, **keys), "seed": seed}
            for loss, shift in losses.items()
            for seed in (0, 1)
            for step in (0, 10)
            for metric, value in (("R@1", 0.2 + shift + 0.04 * step), ("mean volume", 0.9 - 0.05 * step + 0.01 * seed))
        ]
        found = [
            row("spearman", -0.5, loss="", step=-1, scope=f"within {loss}", target="R@1", predictor="mean volume")
            for loss in losses
        ]
        return points + found
    if name == "sensitivity":
        settings = {"d": ("4", "16"), "temperature": ("0.1", "0.5", "learned"), "batch": ("12", "24")}
        return [
            row("R@1", 0.2 + shift + 0.1 * place, loss=loss, varied=varied, setting=setting,
                place=np.nan if setting == "learned" else float(setting))
            for loss, shift in losses.items()
            for varied, words in settings.items()
            for place, setting in reversed(list(enumerate(words)))
        ]  # fmt: skip
    if name == "unequal":
        return [
            row("R@1", 0.5 + shift - 0.1 * place - (0.02 if measure == "height" else 0), loss=loss, degradation=kind,
                measure=measure)
            for loss, shift in losses.items()
            for place, kind in enumerate(("none", "noisy", "missing-90"))
            for measure in ("volume", "height", "cosine")
        ]  # fmt: skip
    if name == "coarse-and-fine":
        kinds = (("whole", "whole"), ("mixed", "whole"), ("mixed", "parity"))
        return [
            row(metric, value, loss=loss, trained=trained, asked=asked, measure=measure)
            for loss, shift in losses.items()
            for measure in ("volume", "cosine")
            for place, (trained, asked) in enumerate(kinds)
            for metric, value in (("hit", 0.6 + shift - 0.1 * place), ("chance", 0.5 if asked == "parity" else 0.01))
        ]
    if name == "rivals":
        of_four, of_three = "text+image+speech+tones", "text+image+speech"
        each = (
            ("gram", of_four, "volume", 0.5),
            ("symile", of_four, "symile", 0.7),
            ("triangle", of_three, "triangle", 0.4),
        )
        return [
            row(metric, value, loss=loss, modalities=kinds, measure=measure)
            for loss, kinds, own, height in each
            for metric, measure, value in (
                ("R@1", own, height), ("R@1", "cosine", height - 0.2), ("R@1 difference", own, height - 0.5),
            )
        ]  # fmt: skip
    rows = [
        row(metric, value + shift, loss=loss, modality=name)
        for loss, shift in losses.items()
        for name in ("text", "image", "all")
        for metric, value in (("silhouette", -0.2), ("probe accuracy", 0.4))
    ]
    return rows + [row("trustworthiness", 0.8 + shift, loss=loss, modality="all") for loss, shift in losses.items()]


def figure(name, **options):
    return EXPERIMENTS.get(name).figure(pd.DataFrame(table(name)), **options)


def traces(found, name):
    return [trace for trace in found.data if trace.name == name]


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


def test_a_row_a_measure_with_the_trained_for_one_larger():
    found = figure("losses-and-measures")
    assert list(found.layout.yaxis.ticktext) == ["volume", "height", "cosine"]
    (gram,), (cosine,) = traces(found, "gram loss"), traces(found, "cosine loss")
    np.testing.assert_allclose(gram.x, [30, 35, 40])
    np.testing.assert_allclose(cosine.x, [40, 45, 50])
    np.testing.assert_allclose(gram.error_x.array, 3)
    np.testing.assert_allclose(gram.error_x.arrayminus, 2)
    assert gram.marker.size[0] > gram.marker.size[2]
    assert cosine.marker.size[2] > cosine.marker.size[0]
    assert gram.marker.symbol != cosine.marker.symbol
    other = figure("losses-and-measures", direction="candidates-to-query")
    np.testing.assert_allclose(traces(other, "gram loss")[0].x, [50, 55, 60])


def test_modalities_are_added_in_order_in_training_or_in_the_test_alone():
    found = figure("modalities")
    np.testing.assert_allclose(traces(found, "gram: trained and tested on these")[0].y, [20, 30, 40])
    np.testing.assert_allclose(traces(found, "gram: tested on these")[0].y, [15, 25, 40])
    assert list(found.layout.xaxis.ticktext) == ["image", "+ speech", "+ tones"]


def test_a_point_a_checkpoint_joined_along_a_run_with_the_correlation_told():
    found = figure("volume-as-metric")
    gram = traces(found, "gram loss (ρ = −0.500)")
    assert len(gram) == 2
    np.testing.assert_allclose(gram[1].x, [0.91, 0.41])
    np.testing.assert_allclose(gram[1].y, [20, 60])
    assert [list(point) for point in gram[1].customdata] == [[1, 0], [1, 10]]
    with pytest.raises(ValueError, match="predictor: expected a metric of the table, got 'luck'"):
        figure("volume-as-metric", predictor="luck")


def test_settings_are_in_order_with_the_learned_one_last():
    found = figure("sensitivity")
    assert [list(axis.ticktext) for axis in found.select_xaxes()] == [
        ["4", "16"], ["0.1", "0.5", "learned"], ["12", "24"],
    ]  # fmt: skip
    temperature = traces(found, "gram loss")[1]
    np.testing.assert_allclose(temperature.y, [20, 30, 40])


def test_degradations_by_the_own_measure_or_another():
    found = figure("unequal")
    np.testing.assert_allclose(traces(found, "cosine by cosine")[0].x, [60, 50, 40])
    other = figure("unequal", ranked_by={"gram": "height", "cosine": "height"})
    np.testing.assert_allclose(traces(other, "gram by height")[0].x, [48, 38, 28])


def test_chance_stands_beside_the_hits():
    found = figure("coarse-and-fine")
    assert list(found.layout.yaxis.ticktext) == ["whole number", "mixed: whole number", "mixed: odd or even"]
    np.testing.assert_allclose(traces(found, "chance")[0].x, [1, 1, 50])
    np.testing.assert_allclose(traces(found, "gram by volume")[0].x, [60, 50, 40])


def test_rivals_are_in_order_of_recall_and_those_of_three_modalities_below():
    found = figure("rivals")
    assert list(found.layout.yaxis.ticktext) == ["symile", "gram", "triangle, k = 3"]
    np.testing.assert_allclose(traces(found, "by the loss's own measure")[0].x, [70, 50, 40])
    grey = traces(found, "by mean cosine")[0]
    assert sorted(zip(grey.y, np.round(grey.x))) == [(0, 50), (1, 30), (2, 20)]


def test_the_space_in_three_panels():
    found = figure("space")
    silhouette, probe, trust = traces(found, "gram loss")
    np.testing.assert_allclose(silhouette.x, -0.2)
    np.testing.assert_allclose(probe.x, 40)
    np.testing.assert_allclose(trust.x, 0.8)
