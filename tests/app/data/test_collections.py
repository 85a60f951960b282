"""Collections: what a session can open, and what goes with it."""

import gc
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app.data import collections, sets
from gram.cli import main as cli
from gram.data.embedding_set import EmbeddingSet
from tests.app.conftest import open_app


def save_set(
    folder: Path, *, n: int = 12, names: tuple[str, ...] = ("text", "video", "audio"), ids: str = "clip"
) -> None:
    rng = np.random.default_rng(len(str(folder)))
    vectors = {name: rng.normal(size=(n, 8)).astype(np.float32) for name in ("text", "video", "audio")}
    items = pd.DataFrame({"id": [f"clip{row}" for row in range(n)]})
    EmbeddingSet(modalities=vectors, items=items, info={"name": folder.name}).save(folder)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("GRAM_DATA_DIR", str(root))
    return root


def test_sets_below_the_data_folder_are_found_with_models_beside_each_other(data_dir: Path):
    save_set(data_dir / "plain")
    for model in ("one", "two"):
        save_set(data_dir / "deep" / "trained" / model / "test")
    found = {each.key: each for each in collections.below_data_folder()}
    assert set(found) == {"plain", "deep/trained"}
    assert found["deep/trained"].names == ("one", "two")
    assert found["plain"].names == ("given",)


@pytest.mark.parametrize("key", ["../outside", "..", "/etc", "linked", "\0"])
def test_nothing_outside_the_data_folder_is_opened(data_dir: Path, key: str):
    save_set(data_dir.parent / "outside")
    (data_dir / "linked").symlink_to(data_dir.parent / "outside")
    assert not collections.choose(key)
    assert "linked" not in {each.key for each in collections.below_data_folder()}


def test_a_set_whose_files_are_links_out_of_the_data_folder_is_not_opened(data_dir: Path):
    save_set(data_dir.parent / "outside")
    save_set(data_dir / "linked")
    assert collections.in_folder(data_dir / "linked", data_dir) is not None
    (data_dir / "linked" / "embeddings.safetensors").unlink()
    (data_dir / "linked" / "embeddings.safetensors").symlink_to(data_dir.parent / "outside" / "embeddings.safetensors")
    assert collections.in_folder(data_dir / "linked", data_dir) is None
    assert collections.below_data_folder() == []


def test_without_a_data_folder_nothing_is_offered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GRAM_DATA_DIR", raising=False)
    assert collections.below_data_folder() == []
    assert not collections.choose("anything")


class Stopped:
    """Stands for work that writes until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.saw_the_folder = folder, False

    def stop(self) -> None:
        self.saw_the_folder = self.folder.is_dir()


def test_the_belongings_of_a_session_go_with_it(tmp_path: Path):
    belongings = collections.Belongings()
    folder, computed = belongings.folder, tmp_path / "computed"
    (folder / "upload").mkdir()
    (folder / "upload" / "vectors").write_text("x")
    computed.write_text("x")
    belongings.files.update({computed, tmp_path / "never-written"})
    assert folder.is_dir()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0  # other users of the computer see nothing
    job = Stopped(folder)
    belongings.jobs.append(job)
    del belongings
    gc.collect()
    assert job.saw_the_folder  # it ended before its files went
    assert not folder.exists()
    assert not computed.exists()


@pytest.mark.parametrize("page", ["geometry", "volumes", "projection", "retrieval"])
def test_every_page_shows_a_set_of_ones_own(assets: Path, data_dir: Path, page: str):
    save_set(data_dir / "clips")
    app = open_app(page, set="clips").run()
    assert not app.exception
    assert not app.warning
    shown = app.session_state["selection"]
    assert (shown.set, shown.model, shown.candidates) == ("clips", "given", ("video", "audio"))
    assert shown.item == "clip0"


def test_items_and_vectors_of_an_own_set_are_asked_with(assets: Path, data_dir: Path):
    save_set(data_dir / "clips")
    app = open_app("retrieval", set="clips", q="clip7", by="video").run()
    assert not app.exception
    vectors = EmbeddingSet.load(data_dir / "clips").normalized().modalities
    video, rest = vectors["video"][7].double().numpy(), [vectors[name].double().numpy() for name in ("text", "audio")]
    # volume of (video of clip7, text i, audio i) by QR: the product of R's diagonal
    volumes = [
        float(np.prod(np.abs(np.diag(np.linalg.qr(np.stack([video, *(rows[i] for rows in rest)]).T)[1]))))
        for i in range(12)
    ]
    rank = 1 + sum(volume < volumes[7] for volume in volumes)
    said = [each.value for each in app.markdown]
    assert any(f"clip7 ranks {rank} of 12" in each for each in said), said


@pytest.mark.parametrize(("n", "names", "said"), [
    (8, ("text",), "one modality, text"), (1, ("text", "video"), "one item"),
])  # fmt: skip
def test_a_set_with_nothing_to_compare_is_said_and_the_one_before_stays(
    assets: Path, data_dir: Path, n: int, names: tuple[str, ...], said: str
):
    vectors = {name: np.eye(n, 8, dtype=np.float32) for name in names}
    EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": range(n)})).save(data_dir / "poor")
    at = open_app("geometry", set="poor", model="given", item="0").run()
    assert not at.exception
    assert not at.error
    [line] = [each.value for each in at.warning]
    assert said in line
    assert at.session_state["selection"].set == "numbers"


def test_an_unknown_set_is_said_in_one_line_and_the_built_in_one_shown(assets: Path):
    app = open_app("geometry", set="own-of-another").run()
    assert not app.exception
    assert any("own-of-another" in each.value and "Your data" in each.value for each in app.warning)
    assert app.session_state["selection"].set == "numbers"


def test_an_upload_of_another_session_is_not_to_be_had_by_its_address(assets: Path, tmp_path: Path):
    save_set(tmp_path / "private")
    variant = collections.Variant("given", tmp_path / "private")
    owner = open_app("geometry")
    owner.session_state["opened_collections"] = {
        "own-secret": collections.Collection("own-secret", "Mine", (variant,), private=True)
    }
    owner.query_params["set"] = "own-secret"
    owner.run()
    assert owner.session_state["selection"].set == "own-secret"
    stranger = open_app("geometry", set="own-secret").run()
    assert stranger.session_state["selection"].set == "numbers"


@pytest.mark.parametrize(
    ("page", "button", "job"),
    [
        ("failures", None, "failures_job"),
        ("retrieval", "Measure all", "measures_job"),
        ("projection", "Compute it", "projection_job"),
    ],
)
@pytest.mark.parametrize("private", [True, False])
def test_work_on_ones_own_data_ends_with_the_session(
    assets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    button: str | None,
    job: str,
    private: bool,
):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path / "cache"))
    save_set(tmp_path / "given")
    variant = collections.Variant("given", tmp_path / "given")
    app = open_app(page)
    app.session_state["opened_collections"] = {
        "own-x": collections.Collection("own-x", "x", (variant,), private=private)
    }
    app.query_params["set"] = "own-x"
    app.run()
    if button:
        next(each for each in app.button if each.label == button).click()
        app.run()
    assert not app.exception
    started = app.session_state[job]
    belongings = app.session_state["opened_folder"].jobs if "opened_folder" in app.session_state else []
    started.stop()
    assert (started in belongings) == private


def test_a_large_set_is_shown_by_a_stated_sample(assets: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sets, "LARGEST", 300)
    monkeypatch.setattr(sets, "SAMPLED", 10)
    save_set(data_dir / "clips", n=40)
    app = open_app("volumes", set="clips").run()
    assert not app.exception
    said = "40; Volumes, Projection and Failures show 10 of them, drawn at random"
    assert any(said in each.proto.body for each in app.get("html"))


def test_a_set_of_encoders_is_asked_in_words_and_only_where_it_is_not_an_upload(assets: Path, data_dir: Path):
    from tests.helpers import tiny_encoders as tiny

    source, model = data_dir.parent / "media", data_dir.parent / "clip"
    for folder in (source, model):
        folder.mkdir()
    tiny.clip(model)
    for name in ("a", "b", "c"):
        (source / f"{name}.txt").write_text(f"a dog {name}")
        Image.new("RGB", (16, 16), (40 * ord(name) % 255, 9, 80)).save(source / f"{name}.png")
    assert cli(["embed", "--encoder", f"clip={model}", str(source), "--out", str(data_dir / "seen"), "--json"]) == 0
    at = open_app("retrieval", set="seen", by="words (text)").run()
    at.text_input(key="words-text").set_value("a dog b").run()
    assert not at.exception
    assert not at.error
    assert any("embedded as text by the set's own encoder" in each.value for each in at.caption)
    variant = collections.Variant(collections.GIVEN, data_dir / "seen")
    upload = open_app("retrieval")
    upload.session_state["opened_collections"] = {
        "own-x": collections.Collection("own-x", "x", (variant,), private=True)
    }
    upload.query_params["set"] = "own-x"
    upload.run()
    assert upload.session_state["selection"].set == "own-x"
    assert all("words (text)" not in each.options for each in upload.get("button_group"))
