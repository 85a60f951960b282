"""What files and addresses say is shown as it is: no page takes it for Markdown, so no picture is fetched by it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.text import escape_markdown
from gram.data.embedding_set import EmbeddingSet
from tests.app.conftest import open_app

PICTURE = "![p](http://localhost:9/x.png)"
AS_TEXT = ("html", "arrow_data_frame", "bidi_component", "selectbox", "text_input")  # these take nothing for Markdown
SHOWN = re.compile(r'^\s*(?:body|content|help|label|options): "(.*)"$', re.M)

pytestmark = pytest.mark.usefixtures("assets")


@pytest.fixture
def named_by_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(30, 8))
    rows = {f"{PICTURE}{place}": (shared + rng.normal(size=shared.shape)).astype(np.float32) for place in range(3)}
    rows[f"{PICTURE}0"][5] = rows[f"{PICTURE}2"][3:9] = np.nan
    items = pd.DataFrame({"id": [f"{PICTURE}{row}" for row in range(30)]})
    items["label"] = "l" + items["id"]
    EmbeddingSet(rows, items, {"name": PICTURE, "anchor": f"{PICTURE}0"}).save(tmp_path / "named")
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))


def markdown_of(node: Any) -> Iterator[str]:
    """Yield what a page has Streamlit take for Markdown, below a node of its tree."""
    proto = getattr(node, "proto", None)
    if proto is not None and node.type not in AS_TEXT:
        yield from (found.replace("\\\\", "\\") for found in SHOWN.findall(str(proto)))
    for child in getattr(node, "children", {}).values():
        yield from markdown_of(child)


def pictures_in(at: AppTest) -> list[str]:
    assert not at.exception
    return [text for text in markdown_of(at._tree) if re.search(r"(?<!\\)\[p\]|(?<!\\)!\[", text)]


@pytest.mark.parametrize(("page", "query"), [
    ("geometry", {}),
    ("geometry", {"lesson": "higher"}),
    ("geometry", {"lesson": "predict"}),
    ("volumes", {}),
    ("projection", {}),
    ("retrieval", {}),
    ("retrieval", {"by": "vector"}),
    ("retrieval", {"q": f"{PICTURE}5"}),
    ("retrieval", {"q": "nothing"}),
    ("failures", {}),
    ("your-data", {}),
])  # fmt: skip
def test_names_in_a_file_are_text(named_by_a_stranger: None, page: str, query: dict[str, str]):
    at = open_app(page, set="named", **query).run()
    assert at.session_state["selection"].set == "named"
    assert any("\\[p\\]" in text for text in markdown_of(at._tree))
    assert not pictures_in(at)


def test_names_of_several_words_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    names = ("the text", "a still picture", "a long sound", "other sound")
    rows = {name: rng.normal(size=(20, 8)).astype(np.float32) for name in names}
    items = pd.DataFrame({"id": range(20)})
    EmbeddingSet(rows, items, {"name": "words", "anchor": "the text"}).save(tmp_path / "words")
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    at = open_app("geometry", set="words").run()
    at.segmented_control(key="draw").set_value("a still picture other sound").run()
    assert not at.exception
    assert any("left out" in each.value.lower() or "a long sound" in each.value for each in at.caption)


@pytest.mark.parametrize(("page", "key"), [
    ("geometry", "lesson"),
    ("geometry", "item"),
    ("geometry", "set"),
    ("volumes", "measure"),
    ("volumes", "range"),
])  # fmt: skip
def test_an_address_is_text(page: str, key: str):
    at = open_app(page, **{key: PICTURE}).run()
    assert any("\\[p\\]" in each.value for each in at.warning)
    assert not pictures_in(at)


def test_a_word_with_underscores_stays_as_it_is():
    assert escape_markdown("clip_vit_b 32") == "clip_vit_b 32"
    assert escape_markdown("_so_ __so__") == r"\_so\_ \_\_so\_\_"
