"""Your data and Align, as a person uses them: files in, a set or heads out, every fault in one line."""

import io
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.data import uploads
from gram.data.embedding_set import EmbeddingSet
from gram.data.importers import sandbox
from gram.errors import EmbeddingSetError
from tests.app.conftest import open_app
from tests.helpers.hostile_files import HOSTILE

PICKLED = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (2,), }" + b" " * 60 + b"\n"
pytestmark = pytest.mark.usefixtures("assets")


def vectors(n: int = 20, d: int = 6, *, sizes: tuple[int, int] | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        name: rng.normal(size=(n, size)).astype(np.float32) for name, size in zip(("text", "video"), sizes or (d, d))
    }


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def give(*files: tuple[str, bytes]) -> AppTest:
    at = open_app("your-data").run()
    at.get("file_uploader")[0].set_value([(name, content, "application/octet-stream") for name, content in files])
    return at.run()


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click()
    return at.run()


def test_a_file_is_looked_into_and_opened():
    given = vectors()
    at = give(("clips.npz", npz(**given, video_id=np.array([f"v{row}" for row in range(20)]))))
    assert not at.exception
    assert not at.error
    press(at, "Open")
    shown = at.session_state["selection"]
    assert (shown.model, shown.candidates, shown.item) == ("given", ("video",), "v0")
    collection = at.session_state["opened_collections"][shown.set]
    assert collection.private
    kept = EmbeddingSet.load(collection.variants[0].folder)
    for name, rows in given.items():
        np.testing.assert_array_equal(kept.modalities[name].numpy(), rows)


def test_a_file_a_modality_makes_one_set():
    files = []
    for name, rows in vectors().items():
        buffer = io.BytesIO()
        np.save(buffer, rows)
        files.append((f"{name}.npy", buffer.getvalue()))
    at = press(give(*files), "Open")
    assert at.session_state["selection"].candidates == ("video",)


@pytest.mark.parametrize(("name", "content", "said"), [
    ("junk.npz", b"PK\x03\x04junk", "junk.npz"),
    ("empty.csv", b"", "is empty"),
    ("letter.docx", b"PK\x03\x04", "not read"),
    ("pickled.npy", PICKLED, "pickled.npy"),
])  # fmt: skip
def test_what_cannot_be_read_gets_one_line_and_the_app_stays_as_it_was(name: str, content: bytes, said: str):
    at = give((name, content))
    assert not at.exception
    [line] = [each.value for each in at.error]
    assert said in line
    assert "\n" not in line
    assert "gram-session" not in line  # no path of this computer
    assert at.session_state["selection"].set == "numbers"


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_file_gets_one_line_soon(make, tmp_path: Path):
    path = make(tmp_path)
    sandbox.start()
    at = open_app("your-data").run()
    began = time.monotonic()
    at.run()
    usual, began = time.monotonic() - began, time.monotonic()
    at.get("file_uploader")[0].set_value([(path.name, path.read_bytes(), "application/octet-stream")])
    at.run()
    assert time.monotonic() - began < 5 + 5 * usual
    assert not at.exception
    [line] = [each.value for each in at.error]
    assert path.name.split(".")[0] in line
    assert "\n" not in line
    assert "gram-import" not in line


def test_the_page_lists_what_is_read_plug_ins_among_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "toy.py").write_text('SUFFIXES = (".toy",)\n')
    monkeypatch.setenv("GRAM_PLUGINS", str(tmp_path / "toy.py"))
    label = open_app("your-data").run().get("file_uploader")[0].proto.label
    assert {".npy", ".parquet", ".zip", ".toy"} <= set(label.split())


def test_one_modality_alone_is_said_and_nothing_is_lost():
    at = press(give(("one.npz", npz(text=vectors()["text"]))), "Open")
    assert not at.exception
    assert any("one modality, text" in each.value for each in at.error)
    assert at.session_state["selection"].set == "numbers"
    assert not at.session_state["opened_collections"]
    assert "Open" in {button.label for button in at.button}  # what was looked into is still there


def test_faulty_rows_are_listed_and_can_be_left_out():
    given = vectors()
    given["video"][4] = 0
    given["text"][9, 2] = np.nan
    at = give(("clips.npz", npz(**given)))
    assert any("2 rows" in each.value for each in at.warning)
    told = at.dataframe[-1].value
    assert told["row"].tolist() == [4, 9]
    press(at, "Open without 2 of 20 rows")
    folder = at.session_state["opened_collections"][at.session_state["selection"].set].variants[0].folder
    assert EmbeddingSet.load(folder).items["id"].tolist() == [str(row) for row in range(20) if row not in (4, 9)]


def test_features_of_unlike_size_are_aligned_first_and_the_result_explored():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 5))
    views = {name: (hidden @ rng.normal(size=(5, d))).astype(np.float32) for name, d in (("text", 7), ("video", 11))}
    at = give(("features.npz", npz(**views)))
    assert "Open" not in {button.label for button in at.button}
    press(at, "Align first")
    at = align_page(at)
    at.number_input(key="align_steps").set_value(40)
    at.pills(key="align_losses").set_value(["gram"])
    at.run()
    press(at, "Train")
    job = next(iter(at.session_state["align_jobs"].values()))
    job.wait()
    at.run()
    assert not at.exception
    [tabled] = [each.proto.body for each in at.get("html") if "R@1 by its own" in each.proto.body]
    assert "40 items that no head learned from" in tabled
    press(at, "Explore the held-out items")
    shown = at.session_state["selection"]
    assert shown.model == "gram"
    collection = at.session_state["opened_collections"][shown.set]
    assert len(EmbeddingSet.load(collection.variants[0].folder)) == 40
    made = next(iter(at.session_state["align_made"].values()))[-1]
    assert made.folder.is_dir()
    at = align_page(at)
    opened = dict(at.session_state["opened_collections"])
    at.session_state["opened_collections"] = {}  # closed on the page Your data
    press(at, "All items")
    assert not at.exception
    assert any("is not open in this session" in each.value for each in at.error)
    at.session_state["opened_collections"] = opened
    press(at, "Undo")
    assert at.session_state["selection"].set == "numbers"
    assert not made.folder.exists()


def align_page(at: AppTest) -> AppTest:
    at._page_hash = open_app("align")._page_hash
    return at.run()


def test_without_features_the_align_page_says_where_they_come_from():
    at = open_app("align").run()
    assert any("Your data" in each.value for each in at.info)
    press(at, "Open the five views")
    assert not at.exception
    assert any("pixels" in each.proto.body for each in at.get("html"))


@pytest.mark.parametrize("name", ["../up.npz", "/etc/passwd", "C:\\x.npz", "a/../../b.npy", "", "x" * 300, "a\0b"])
def test_a_name_that_leaves_the_folder_is_refused(name: str):
    with pytest.raises(EmbeddingSetError, match="rename it"):
        uploads.inside(name)


def test_names_in_folders_stay_in_them():
    assert uploads.inside("set/media/a.png").as_posix() == "set/media/a.png"
    assert uploads.inside("set\\a.npy").as_posix() == "set/a.npy"


def test_text_of_a_file_is_never_html(tmp_path: Path):
    given = vectors(4)
    labels = np.array(["<img src=x onerror=alert(1)>", "b", "c", "d"])
    at = press(give(("x.npz", npz(**given, label=labels, id=np.array(["<b>0", "1", "2", "3"])))), "Open")
    at._page_hash = open_app("retrieval")._page_hash
    at.run()
    assert not at.exception
    assert not any("<img src=x" in each.proto.body for each in at.get("html"))
    unescaped = re.compile(r"(?<!\\)<img")
    shown = [each.value for each in (*at.markdown, *at.caption)]
    assert not any(unescaped.search(value) for value in shown)
    assert any("\\<img" in value for value in shown)


def test_a_csv_with_wide_columns_is_opened():
    given = vectors(12)
    frame = pd.DataFrame({"id": [f"r{row}" for row in range(12)]})
    for name, rows in given.items():
        frame = frame.join(pd.DataFrame(rows, columns=[f"{name}_{place}" for place in range(rows.shape[1])]))
    at = press(give(("wide.csv", frame.to_csv(index=False).encode())), "Open")
    assert at.session_state["selection"].item == "r0"
