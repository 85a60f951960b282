"""Figures that pages draw are kept: what is equal is drawn once, what differs anew, and nothing changes by it."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from app.data import pictures
from gram.experiments import EXPERIMENTS
from gram.plots.failures import remedies
from tests.app.conftest import open_app

CALLS = []


def dots(values, *, dark=False):
    CALLS.append(dark)
    return go.Figure(go.Scatter(y=values), {"title": "dark" if dark else "light"})


@pytest.fixture(autouse=True)
def cache(assets, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path_factory.getbasetemp() / "failures"))  # tables are computed once
    CALLS.clear()


def test_equal_arguments_give_the_same_picture_and_draw_it_once():
    first = pictures.json_of(dots, np.arange(3.0), dark=True)
    assert pictures.json_of(dots, np.arange(3.0), dark=True) == first
    assert CALLS == [True]
    assert json.loads(first)["layout"]["title"]["text"] == "dark"


@pytest.mark.parametrize("changed", [(np.arange(4.0), True), (np.arange(3.0), False), (np.arange(3.0) + 1e-12, True)])
def test_other_arguments_give_another_picture(changed):
    pictures.json_of(dots, np.arange(3.0), dark=True)
    values, dark = changed
    pictures.json_of(dots, values, dark=dark)
    assert len(CALLS) == 2


def test_a_kept_picture_is_what_the_function_draws():
    given = ["a", "b"], np.array([0.1, -0.2]), np.array([0.0, -0.3]), np.array([0.2, 0.1])
    for _ in range(2):
        assert pictures.json_of(remedies, *given, dark=False) == remedies(*given, dark=False).to_json()


def test_a_rerun_of_the_evidence_page_builds_no_figure_and_sends_the_same(monkeypatch):
    at = open_app("evidence").run()
    first = figures(at)
    for experiment in EXPERIMENTS.values():
        monkeypatch.setattr(experiment, "figure", lambda *_, **__: pytest.fail("a figure was built again"))
    at.run()
    assert not at.exception
    assert figures(at) == first != []


def figures(at):
    held = (json.loads(each.proto.json) for each in at.get("bidi_component") if each.proto.json)
    return [each["figure"] for each in held if isinstance(each, dict) and "figure" in each]
