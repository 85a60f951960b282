"""Whatever an address says, a page is drawn, and what cannot be is said in a short line."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, open_app

SELECTION = ("set", "model", "candidates", "item", "partner")
PAGES = {
    "geometry": ("lesson", "of", "k", "c1", "d", "question", "seed", "vectors", "free", "objective", "start", "step"),
    "volumes": ("measure", "both", "range"),
    "projection": ("method", "dims", "colour", "digit", "measure", "lines", "neighbors", "distance", "seed"),
    "retrieval": ("measure", "by", "parts", "sort", "q", "sound", "draw"),
    "failures": ("asks", "left", "left-ranking", "cell", "cause", "column", "within", "taken", "rows", "sort", "wins"),
    "evidence": ("experiment", "scale"),
    "align": ("features",),
    "your-data": ("file",),
}
HOSTILE = ("1e309", "nan", "", "a" * 6000, "\0", "-1", "²", "9" * 400, "../../etc/passwd", "<b>x</b>~*y*")
LESSONS = ("play", "learn", "higher", "predict")

pytestmark = pytest.mark.usefixtures("assets")


def shown(page: str, query: dict[str, str]) -> list[str]:
    """Return the lines of warning of a page, which must be drawn without an exception."""
    app = open_app(page, **query).run()
    assert not [each.message for each in app.exception if "model is a folder" not in each.message]
    assert app.title
    return [each.value for each in (*app.warning, *app.error)]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:8]))
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_drawn_whatever_the_address_says(page, value, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    for keys in (SELECTION, PAGES[page]):
        lines = shown(page, dict.fromkeys(keys, value))
        assert not [line for line in lines if len(line) >= 400 or "\n" in line]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_drawn_whatever_the_address_says(lesson):
    for value in HOSTILE:
        lines = shown("geometry", dict.fromkeys(PAGES["geometry"], value) | {"lesson": lesson})
        assert all(len(line) < 400 and "\n" not in line for line in lines)


def test_every_key_that_a_page_reads_is_tried():
    """So that a key that comes later is tried too: those written as literals in `st.query_params` and bound widgets."""
    read = set()
    for file in (ROOT / "app").rglob("*.py"):
        code = file.read_text()
        read |= set(re.findall(r'query_params(?:\.get\(|\[|\.pop\()"(\w+)"', code))
        read |= set(re.findall(r'key="(\w+)",\s+bind="query-params"', code))
        read |= set(re.findall(r'check_(?:choice|number)\("(\w+)"', code))
    assert read - {"lesson"} <= {key for keys in PAGES.values() for key in keys}


def test_a_long_name_of_a_set_is_one_line_beside_a_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    (line,) = shown("geometry", {"set": "x" * 6000})
    assert "is not open in this session" in line


@pytest.mark.parametrize("seed", ["1e309", "inf", "-inf", "2.5"])
def test_a_seed_that_is_no_whole_number_is_one_line_at_first_and_later(seed):
    (line,) = shown("projection", {"seed": seed})
    assert f"Seed “{seed}” cannot be" in line.replace("\\", "")
    app = open_app("projection").run()
    app.query_params["seed"] = seed
    app.run()
    assert not app.exception
    assert len(app.warning) == 1
    assert app.number_input(key="seed").value == 0


@pytest.mark.parametrize("page", PAGES)
def test_a_set_whose_info_has_a_field_of_the_wrong_type_stops_no_page(page, monkeypatch, tmp_path):
    shutil.copytree(Path(os.environ["GRAM_ASSETS"]) / "numbers" / "gram" / "test", tmp_path / "mine")
    info = json.loads((tmp_path / "mine" / "info.json").read_text())
    (tmp_path / "mine" / "info.json").write_text(json.dumps({**info, "sampled_from": "text"}))
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    (line, *_) = shown(page, {"set": "mine"})
    assert "info.json: 'sampled_from' must be a whole number, got 'text'. This shows" in line.replace("\\", "")
