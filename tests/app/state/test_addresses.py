"""Whatever an address says, a page is drawn, and what cannot be is said in a short line."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from app.state.failure_view import View, in_url
from app.views import declared_pages
from tests.app.conftest import ROOT, open_app

SELECTION = ("set", "model", "candidates", "item", "partner")
# page -> its keys, each with what else the address must say for the page to read it
HIGHER, PLAY, LEARN, PREDICT = ({"lesson": lesson} for lesson in ("higher", "play", "learn", "predict"))
EQUAL, RANDOM = HIGHER | {"of": "Equal cosines"}, HIGHER | {"of": "Random"}
KEYS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "geometry": [
        ("lesson", {}), ("step", {}), ("of", HIGHER), ("k", EQUAL), ("k", RANDOM), ("d", RANDOM),
        *((f"cosine_{k}", EQUAL | {"k": str(k)}) for k in (3, 4, 5)),
        ("vectors", PLAY), ("free", PLAY), ("objective", LEARN), ("start", LEARN),
        ("question", PREDICT), ("seed", PREDICT),
    ],
    "volumes": [("measure", {}), ("both", {}), ("range", {})],
    "projection": [
        *((key, {}) for key in ("method", "dims", "colour", "lines", "neighbors", "distance", "seed")),
        ("digit", {"colour": "digit"}), ("measure", {"colour": "rank"}),
    ],
    "retrieval": [
        *((key, {}) for key in ("left", "right", "by", "parts", "q", "compare", "sort")),
        ("draw", {"by": "draw"}), ("sound", {"by": "upload"}),
    ],
    "failures": [
        *((in_url(field), {}) for field in View._fields if field != "within"),
        ("within", {"column": "speech_snr"}),
    ],
}  # fmt: skip
HOSTILE = ("1e309", "nan", "", "a" * 6000, "\0", "-1", "²", "9" * 400, "left-", "~", "<b>x</b>~*y*")
IDS = ("beyond", "nan", "empty", "long", "null", "negative", "superscript", "digits", "left", "tilde", "markup")

pytestmark = pytest.mark.usefixtures("assets")


def shown(page: str, query: dict[str, str]) -> list[str]:
    """Return the lines of warning of a page, which must be drawn without an exception."""
    app = open_app(page, **query).run()
    assert not app.exception, query
    assert app.title
    return [each.value for each in (*app.warning, *app.error)]


def assert_drawn(page: str, query: dict[str, str]) -> None:
    lines = shown(page, query)
    assert not [line for line in lines if len(line) >= 400 or "\n" in line], query


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
@pytest.mark.parametrize("page", [page for page in KEYS if page != "retrieval"])
def test_a_page_is_drawn_whatever_one_key_of_its_address_says(page, value):
    for key, more in KEYS[page]:
        assert_drawn(page, {**more, key: value})


@pytest.mark.parametrize("value", HOSTILE, ids=IDS)
def test_retrieval_is_drawn_whatever_one_key_of_its_address_says(value, monkeypatch):
    monkeypatch.delenv("GRAM_ASSETS")  # it asks the model, which the synthetic sets lack
    for key, more in KEYS["retrieval"]:
        assert_drawn("retrieval", {**more, key: value})


@pytest.mark.parametrize("value", [*HOSTILE, "../../etc/passwd"], ids=(*IDS, "above"))
def test_a_page_is_drawn_whatever_the_address_says_of_the_selection(value, monkeypatch, tmp_path):
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    for key in SELECTION:
        assert_drawn("geometry", {key: value})


def test_every_key_that_a_page_reads_is_tried():
    """So that one that comes later is tried too: keys as literals, as constants of their module, and of the view."""
    name = r"[\"']?(\w+)[\"']?"
    ways = (
        rf"query_params(?:\.get\(|\.pop\(|\[){name}", rf"{name} (?:not )?in st\.query_params",
        rf"check_(?:choice|number)\({name}", r"key=[\"']?(\w+)[\"']?,\s+bind=\"query-params\"",
    )  # fmt: skip
    read = {in_url(field) for field in View._fields}
    for file in (ROOT / "app" / "views").rglob("*.py"):
        code = file.read_text()
        for found in (found for way in ways for found in re.findall(way, code)):
            constant = re.search(rf"^{found}\b.*? = \"(\w+)\"", code, re.M) or re.search(
                rf"^_\w+, {found} = \"\w+\", \"(\w+)\"", code, re.M
            )
            read.add(constant[1] if constant else found)
    variables = {"key", "side", "name"}  # of loops and helpers, whose keys are told above or are literals where called
    tried = {key for keys in KEYS.values() for key, _ in keys}
    assert read - variables <= tried, read - variables - tried


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


@pytest.mark.parametrize("page", [page.path for page in declared_pages() if page.path != "retrieval"])
def test_a_set_whose_info_has_a_field_of_the_wrong_type_stops_no_page(page, monkeypatch, tmp_path):
    shutil.copytree(Path(os.environ["GRAM_ASSETS"]) / "numbers" / "gram" / "test", tmp_path / "mine")
    info = json.loads((tmp_path / "mine" / "info.json").read_text())
    (tmp_path / "mine" / "info.json").write_text(json.dumps({**info, "sampled_from": "text"}))
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    (line, *_) = shown(page, {"set": "mine"})
    assert "info.json: 'sampled_from' must be a whole number, got 'text'. This shows" in line.replace("\\", "")


def test_retrieval_is_drawn_where_a_set_has_a_field_of_the_wrong_type(assets, monkeypatch, tmp_path):
    shutil.copytree(assets / "numbers" / "gram" / "test", tmp_path / "mine")
    info = json.loads((tmp_path / "mine" / "info.json").read_text())
    (tmp_path / "mine" / "info.json").write_text(json.dumps({**info, "sampled_from": "text"}))
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("GRAM_ASSETS")
    assert any("must be a whole number" in line for line in shown("retrieval", {"set": "mine"}))
