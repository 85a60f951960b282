"""`gram search` with words, pictures and recordings of one's own, on the built-in set and model."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import gram
from gram import EmbeddingSet
from gram.cli import main
from gram.datasets.spoken_numbers import render_image, render_speech, render_tones
from gram.datasets.spoken_numbers.queries import typed_query
from gram.datasets.spoken_numbers.uploads import read_image
from gram.models import load_model
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.search import ask

TWIN = Path(__file__).parents[3] / "assets" / "numbers" / "gram"
OTHERS = ("image", "speech", "tones")


@pytest.fixture(scope="module")
def gallery():
    return EmbeddingSet.load(TWIN / "test")


@pytest.fixture(scope="module")
def item(gallery):
    """An item whose modalities lack no digit, as a mapping."""
    whole = (gallery.items[["image_occluded", "speech_dropped", "tones_dropped"]] == -1).all(axis=1)
    clear = gallery.items[whole].sort_values("speech_snr").iloc[-1]
    return clear.to_dict()


@pytest.fixture(scope="module")
def files(item, tmp_path_factory):
    """The item as files: its picture, its speech in stereo at another rate, its tones as MP3."""
    folder = tmp_path_factory.mktemp("media")
    strip = np.kron(render_image(item), np.ones((6, 6)))
    Image.fromarray((255 - strip * 255 / 16).astype(np.uint8)).save(folder / "number.png")
    speech = np.repeat(render_speech(item), 2)
    soundfile.write(folder / "clip.wav", np.stack([speech, speech], axis=1), 16000, subtype="FLOAT")
    soundfile.write(folder / "dial.mp3", render_tones(item), 8000, format="MP3")
    return {"image": folder / "number.png", "speech": folder / "clip.wav", "tones": folder / "dial.mp3"}


@pytest.fixture
def run(capsys):
    def run(*argv):
        status = main(["search", "--device", "cpu", *(str(argument) for argument in argv)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize("asked", [("image",), ("speech",), ("tones",), ("speech", "image"), OTHERS])
def test_files_find_the_item_that_they_are_of(item, files, run, asked):
    options = [argument for name in asked for argument in (f"--{name}", files[name])]
    options += ["--measure", "cosine"] if len(asked) == 1 else []  # by volume this model has one sound lose to hubs
    status, out, err = run(*options, "--true", item["id"], "--json")
    assert (status, err) == (0, "")
    content = json.loads(out)
    assert content["query"] == " + ".join(name for name in OTHERS if name in asked)
    assert content["candidates"] == [name for name in ("text", *OTHERS) if name not in asked]
    assert content["true_rank"] <= (5 if len(asked) == 1 else 1)
    assert content["items"] == 2000
    assert content["encode_seconds"] > 0


def test_words_and_picture_give_what_the_library_gives(item, files, gallery, run):
    status, out, _ = run("--text", item["id"], "--image", files["image"], "-k", 3, "--measure", "height", "--json")
    assert status == 0
    query = JointQuery((typed_query(item["id"]), Query("image", read_image(files["image"]))))
    answer = ask(query, gallery=gallery, model=load_model(TWIN / "model", device="cpu"), measure="height", k=3)
    content = json.loads(out)
    assert content["true_rank"] == answer.true.rank
    assert [(hit["id"], hit["score"]) for hit in content["hits"]] == [(hit.id, hit.score) for hit in answer.hits]
    assert set(content["hits"][0]["cosines"]) == {"speech", "tones"}


def test_the_lines_in_the_readme_ask_as_they_say(item, files, monkeypatch):
    root = TWIN.parents[2]
    (lines,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
        if "read_query" in block
    ]
    assert len(lines.strip().splitlines()) == 5
    folder = files["speech"].parent
    (folder / "assets").symlink_to(root / "assets")
    monkeypatch.chdir(folder)
    known = {"gram": gram}
    exec(lines, known)
    answer = known["answer"]
    assert answer.query.modalities == ("image", "speech")
    assert answer.hits[0].id == item["id"]
    assert answer.table()["id"][0] == item["id"]


def test_the_table_of_a_joint_query(item, files, run):
    status, out, _ = run("--text", item["id"], "--speech", files["speech"], "-k", 4)
    assert status == 0
    first, second, _, header, *rows = out.splitlines()
    assert first == "text + speech against image + tones by volume, 2,000 items"
    assert second == "the true item is at place 1"
    assert header.split() == ["rank", "id", "label", "score", "base", "height", "cos", "image", "cos", "tones"]
    assert len(rows) == 4
    assert rows[0].split()[:3] == ["1", item["id"], item["id"]]
    assert rows[0].endswith("<- true item")


def test_an_unknown_true_item(files, run):
    status, out, _ = run("--image", files["image"], "-k", 1)
    assert status == 0
    assert out.splitlines()[1] == "the true item is not known"
    status, out, err = run("--image", files["image"], "--true", "nobody")
    assert (status, out) == (1, "")
    assert "no item has the id 'nobody'" in err


def wav_claiming(seconds):
    """A WAV of a tenth of a second whose header promises more."""
    samples = (8000 * np.sin(np.arange(1600))).astype("<i2").tobytes()
    promised = 16000 * seconds
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + promised) + b"WAVE" + form + struct.pack("<4sI", b"data", promised) + samples
    )


def write(path, kind):
    if kind == "silence":
        soundfile.write(path, np.zeros(8000), 8000, format="WAV")
    elif kind == "promise":
        path.write_bytes(wav_claiming(3 * 3600))
    elif kind == "png":
        Image.new("L", (300, 80), 255).save(path, "PNG")
    elif kind == "m4a":
        path.write_bytes(b"\0\0\0\x18ftypM4A \0\0\0\0")
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("option", "kind", "message"),
    [
        ("--speech", "silence", "speech {}: no sound in it: the recording is silent"),
        ("--speech", "promise", "speech {}: this recording lasts 10,800.0 s, longer than 30 s; cut it"),
        ("--tones", "png", "tones {}: this is a picture, not a recording: give a WAV, FLAC, OGG or MP3 recording"),
        ("--speech", "m4a", "speech {}: this is an MP4 or M4A file, which cannot be read here: give a WAV"),
        ("--speech", "missing", "speech: cannot read {}: no such file; check the path"),
        ("--image", "folder", "image: cannot read {}: Is a directory; check the path"),
        ("--image", "png", "image {}: no digits found in this picture: write four digits"),
        ("--image", "silence", "image {}: this is a recording, not a picture: give a PNG"),
    ],
)
def test_a_file_that_cannot_ask_is_one_line_and_status_1(tmp_path, run, option, kind, message):
    path = write(tmp_path / "given.wav", kind)
    status, out, err = run("--text", "4721", option, path)
    assert (status, out) == (1, "")
    assert err.startswith(f"gram: {message.format(path)}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("text", "message"), [("472", "'472' has 3 digits: type 4"), ("cat", "'cat' is not a digit")])
def test_a_text_without_a_number(run, text, message):
    status, out, err = run("--text", text)
    assert (status, out) == (1, "")
    assert err.startswith(f"gram: {message}")
    assert err.count("\n") == 1


def test_a_query_of_everything_is_wrong_usage(item, files, run):
    options = [argument for name in OTHERS for argument in (f"--{name}", files[name])]
    status, out, err = run("--text", item["id"], *options)
    assert (status, out) == (2, "")
    assert "the query has text, image, speech, tones, and nothing is left to judge items by" in err


def test_a_model_that_is_not_one(run, tmp_path):
    status, out, err = run("--text", "4721", "--model", tmp_path)
    assert (status, out) == (1, "")
    assert err == f"gram: {tmp_path}/config.json: missing; a model is a folder with config.json and model.safetensors\n"


def test_the_other_model_set_brings_its_own_model(item, run):
    cosine = TWIN.parent / "cosine" / "test"
    status, out, _ = run("--set", cosine, "--text", item["id"], "--measure", "cosine", "-k", 1, "--json")
    assert status == 0
    stored, expected = json.loads(out)["hits"][0], EmbeddingSet.load(cosine)
    answer = ask(Query("text", id=item["id"]), gallery=expected, measure="cosine", k=1)
    assert stored["id"] == answer.hits[0].id
    assert stored["score"] == pytest.approx(answer.hits[0].score, abs=2e-3)  # the set keeps half precision


def test_without_a_set_nor_the_built_in_one(run, monkeypatch, tmp_path):
    monkeypatch.setattr("gram.cli.search.BUILT_IN", tmp_path)
    status, out, err = run("--text", "4721")
    assert (status, out) == (2, "")
    assert "--set is needed: the built-in set is not here" in err
