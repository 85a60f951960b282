"""What a session has opened can be closed again, its files with it; what lies below the data folder is offered."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.jobs.align import AlignJob
from app.views.your_data import roles
from gram import EmbeddingSetError, FeatureSet
from gram.data.importers import inspect, read
from gram.training.align_config import AlignConfig
from tests.app.conftest import open_app

pytestmark = pytest.mark.usefixtures("assets")


def views(n: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(n, 4))
    return {name: (hidden @ rng.normal(size=(4, d))).astype(np.float32) for name, d in (("text", 5), ("video", 8))}


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def give(at: AppTest, name: str, content: bytes) -> AppTest:
    at.get("file_uploader")[0].set_value([(name, content, "application/octet-stream")])
    return at.run()


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click()
    return at.run()


def go(at: AppTest, page: str) -> AppTest:
    at._page_hash = open_app(page)._page_hash
    return at.run()


def with_features() -> AppTest:
    return go(press(give(open_app("your-data").run(), "features.npz", npz(**views())), "Align first"), "align")


def trained(at: AppTest) -> AppTest:
    """Train heads as the page does, but for few steps."""
    [features] = at.session_state["opened_features"].values()
    out = features.folder.parents[1] / "aligned" / "one"
    job = AlignJob(features.folder, [AlignConfig(steps=10, batch_size=16)], out, device="cpu")
    job.wait()
    at.session_state["align_jobs"] = {features.key: job}
    return at.run()


def test_features_are_closed_with_their_files():
    at = with_features()
    [features] = at.session_state["opened_features"].values()
    assert features.folder.is_dir()
    press(at, "Close")
    assert not at.exception
    assert not features.folder.exists()
    assert any("no features to align" in each.value for each in at.info)


def test_closing_features_gives_up_what_was_made_of_them_and_goes_back_to_the_built_in_set():
    at = trained(with_features())
    [features] = at.session_state["opened_features"].values()
    press(at, "Explore the held-out items")
    at = go(at, "your-data")
    shown = at.session_state["opened_collections"][at.session_state["selection"].set]
    assert any("gives up the features and the 2 sets" in each.value for each in at.markdown)
    press(at, "Close all of it")
    assert not at.exception
    assert at.session_state["selection"].set == "numbers"
    assert not at.session_state["opened_collections"]
    assert not features.folder.exists()
    assert not shown.variants[0].folder.parent.exists()  # with the heads


def test_undo_goes_to_the_built_in_set_where_the_one_before_was_closed():
    at = trained(with_features())
    first = next(iter(at.session_state["align_made"].values()))[-1]
    at = trained(at)
    press(at, "Explore the held-out items")
    opened = at.session_state["opened_collections"]
    at.session_state["opened_collections"] = {
        key: each for key, each in opened.items() if key not in (first.held_out_key, first.all_key)
    }
    press(go(at, "align"), "Undo")
    assert not at.exception
    assert at.session_state["selection"].set == "numbers"


def test_an_upload_goes_when_the_next_one_is_looked_into():
    at = give(open_app("your-data").run(), "first.npz", npz(**views()))
    [first] = (at.session_state["opened_folder"].folder / "uploads").iterdir()
    at = give(at, "second.npz", npz(**views()))
    [second] = (at.session_state["opened_folder"].folder / "uploads").iterdir()
    assert first != second
    assert not at.exception


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "arrays").mkdir()
    for name, rows in views().items():
        np.save(tmp_path / "arrays" / f"{name}.npy", rows)
    FeatureSet(views(), pd.DataFrame({"id": [f"i{row}" for row in range(60)]})).save(tmp_path / "features")
    same = {name: rows[:, :5] for name, rows in views().items()}
    FeatureSet(same, pd.DataFrame({"id": [f"i{row}" for row in range(60)]})).embedding_set().save(tmp_path / "set")
    (tmp_path / "one.npz").write_bytes(npz(**views()))
    monkeypatch.setenv("GRAM_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_data_folder_offers_sets_files_and_folders_of_files(data_folder: Path):
    at = open_app("your-data").run()
    next(group for group in at.get("button_group") if group.key == "your_data_from").set_value("folder")
    at.run()
    box = at.selectbox(key="your_data_path")
    assert box.options == ["set", "one.npz", "arrays/", "arrays/text.npy", "arrays/video.npy", "features/"]
    for choice in ("arrays/", "features/"):
        at.selectbox(key="your_data_path").set_value(choice)
        at.run()
        press(at, "Look into it")
        assert not at.exception
        assert not at.error
        assert any("60 items." in each.value for each in at.markdown)
        assert any("from 5 to 8 dimensions" in each.value for each in at.caption)
        assert "Open" not in {button.label for button in at.button}


def test_a_number_an_item_can_be_chosen_as_a_modality_and_text_cannot(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(npz(**views(), depth=np.arange(60) + 1.5, word=np.array(["a", "b"] * 30)))
    found = inspect(tmp_path / "a.npz")
    chosen = roles.table(found, found.roles).set_index("Column")
    assert chosen.loc["depth", "Use as"] == "keep"
    chosen.loc["depth", "Use as"] = "modality"
    plan = roles.plan_of(found, chosen.reset_index(), None)
    assert plan.modalities == {"text": "text", "video": "video", "depth": "depth"}
    assert read(found, plan).sizes == {"text": 5, "video": 8, "depth": 1}
    chosen.loc["word", "Use as"] = "modality"
    with pytest.raises(EmbeddingSetError, match="“word” holds one value an item; use it as id"):
        roles.plan_of(found, chosen.reset_index(), None)
