"""Layouts as values: settings, keys, and what a file gives back."""

import numpy as np
import pytest

import gram
from gram.projection import Layout, Settings
from tests.helpers.projection_sets import make_set


def make_layout(**options):
    points = {"text": np.arange(6, dtype=np.float32).reshape(3, 2), "image": np.full((3, 2), np.nan, np.float32)}
    facts = {
        "trustworthiness": 0.9,
        "trust_neighbors": 15,
        "trust_checked": 3,
        "explained": (0.5, 0.25),
        "seconds": 1.5,
    }
    settings = Settings(method="pca", modalities=("text", "image"))
    return Layout(points=points, settings=settings, key="k", **{**facts, **options})


def test_a_file_gives_back_what_was_saved(tmp_path):
    layout = make_layout(placed=1, trust_fitted=0.8, trust_placed=0.7)
    layout.save(tmp_path / "deep" / "layout")
    again = Layout.load(tmp_path / "deep" / "layout")
    assert list(again.points) == ["text", "image"]
    for name, points in layout.points.items():
        np.testing.assert_array_equal(again.points[name], points)
    facts = [{name: value for name, value in vars(each).items() if name != "points"} for each in (layout, again)]
    assert facts[0] == facts[1]
    assert Layout.key_in(tmp_path / "deep" / "layout") == "k"
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["layout"]


@pytest.mark.parametrize("content", [None, b"", b"no layout"])
def test_what_is_no_layout_has_no_key_and_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "layout").write_bytes(content)
    assert Layout.key_in(tmp_path / "layout") is None
    with pytest.raises(gram.GramError, match=r"is no readable layout; delete it and project again"):
        Layout.load(tmp_path / "layout")


def test_what_was_fitted_is_all_that_is_there_less_what_was_placed():
    assert make_layout().fitted == 3
    assert make_layout(placed=1).fitted == 2


def test_settings_choose_modalities_and_count_their_points():
    data = make_set(n=10, missing=[("image", 4)])
    assert Settings().chosen(data) == ("text", "image", "speech")
    assert Settings().points(data) == 29
    assert Settings(modalities=("image",)).points(data) == 9
    with pytest.raises(ValueError, match="modality 'smell' is not in this set"):
        Settings(modalities=("smell",)).chosen(data)
