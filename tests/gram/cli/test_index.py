"""`gram index push` and `search` on Milvus Lite in a folder: what they print, and with what exit status."""

import json

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, base_and_height
from gram.cli import main
from tests.helpers.milvus_server import unused_port

N, D = 40, 8


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(N, D))
    arrays = {name: meaning + 0.5 * rng.normal(size=(N, D)) for name in ("text", "image", "speech")}
    arrays["image"][5] = np.nan
    arrays["image"][6] = arrays["speech"][6] = np.nan
    arrays["text"][8] = np.nan
    made = EmbeddingSet(modalities=arrays, items=pd.DataFrame({"id": [f"{i:04d}" for i in range(N)]}))
    made.save(tmp_path_factory.mktemp("gallery") / "set")
    return made


@pytest.fixture(scope="module")
def uri(gallery, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("milvus") / "items.db")
    assert main(["index", "push", str(gallery.path), "--uri", path]) == 0
    return path


@pytest.fixture
def run(capsys):
    def run(*argv):
        capsys.readouterr()
        status = main(["index", *(str(argument) for argument in argv)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_push_tells_what_was_sent_and_what_was_there(gallery, uri, run):
    status, out, err = run("push", gallery.path, "--uri", uri, "--collection", "once", "--json")
    assert status == 0
    assert json.loads(out) == {
        "uri": uri, "collection": "once", "items": 39, "modalities": ["image", "speech"],
        "sent": 39, "kept": 0, "left_out": 1,
    }  # fmt: skip
    assert "100%" in err
    assert "39 of 39 items" in err
    status, out, _ = run("push", gallery.path, "--uri", uri, "--collection", "once")
    assert status == 0
    assert f"39 items in collection once of {uri}: image, speech\n" in out
    assert "0 sent, 39 there already, 1 left out (they lack all of these)" in out


def test_search_gives_the_item_itself_with_base_height_and_cosines(gallery, uri, run):
    status, out, err = run("search", "--uri", uri, "--set", gallery.path, "--item", "0005", "-k", 3, "--json")
    assert (status, err) == (0, "")
    content = json.loads(out)
    assert content["query"] == "text of 0005"
    assert content["candidates"] == ["image", "speech"]
    assert content["exact"] is True
    assert content["items"] == 39
    vectors = {name: rows.double() for name, rows in gallery.normalized().modalities.items()}
    base, height = base_and_height(vectors["text"][5:6], vectors["image"], vectors["speech"])
    volumes = (base * height)[0].nan_to_num(nan=9)
    volumes[6] = 9
    best = volumes.argsort()[:3].tolist()
    assert [hit["id"] for hit in content["hits"]] == [f"{row:04d}" for row in best]
    for hit, row in zip(content["hits"], best):
        assert hit["score"] == pytest.approx(-float(volumes[row]), abs=1e-6)
        assert hit["base"] * hit["height"] == pytest.approx(float(volumes[row]), abs=1e-6)
        assert (hit["cosines"]["image"] is None) == (row == 5)


def test_search_as_a_table_says_whether_it_is_exact(gallery, uri, run):
    arguments = ("search", "--uri", uri, "--set", gallery.path, "--item", "0003", "-k", 2)
    status, out, _ = run(*arguments, "--measure", "cosine", "--fetch", 20)
    assert status == 0
    assert out.startswith("text of 0003 against image + speech by cosine, 39 items\napproximate: a better item")
    lines = out.splitlines()
    assert lines[3].split()[:5] == ["rank", "id", "score", "base", "height"]
    vectors = {name: rows.numpy() for name, rows in gallery.normalized().modalities.items()}
    cosines = np.mean([vectors[name] @ vectors["text"][3] for name in ("image", "speech")], axis=0)
    cosines[[5, 6]] = -1  # they lack one of these
    assert lines[4].split()[:3] == ["1", f"{np.argmax(cosines):04d}", f"{cosines.max():.3g}"]
    assert "exact: every item was scored" in run(*arguments, "--fetch", 39)[1]


def test_several_modalities_search_together(gallery, uri, run):
    assert run("push", gallery.path, "--uri", uri, "--collection", "one", "--candidates", "image")[0] == 0
    place = ("--uri", uri, "--collection", "one", "--set", gallery.path)
    status, out, _ = run("search", *place, "--item", "0003", "--query", "text,speech", "-k", 3, "--json")
    assert status == 0
    content = json.loads(out)
    assert content["query"] == "text + speech of 0003"
    vectors = {name: rows.double() for name, rows in gallery.normalized().modalities.items()}
    speech = vectors["speech"][3].expand(N, -1)
    base, height = base_and_height(vectors["text"][3:4], speech, vectors["image"])
    volumes = (base * height)[0].masked_fill(vectors["image"].isnan().any(1), 9)
    best = volumes.argsort()[:3].tolist()
    assert [hit["id"] for hit in content["hits"]] == [f"{row:04d}" for row in best]
    assert [hit["score"] for hit in content["hits"]] == pytest.approx([-float(volumes[row]) for row in best], abs=1e-6)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("--uri", "nowhere"), "uri: expected http://host:port"),
        (("--uri", "{uri}", "--measure", "size"), "measure: expected one of"),
        (
            ("--uri", "{uri}", "--token-env", "NO_SUCH_THING"),
            "--token-env: the environment has no variable NO_SUCH_THING",
        ),
        (("--uri", "{uri}", "--query", "image"), "items of the collection are judged by image too"),
        (("--uri", "{uri}", "--query", "text,image"), "items of the collection are judged by image too"),
        (("--uri", "{uri}", "-k", "5", "--fetch", "4"), "fetch: expected at least k = 5"),
        ((), "--uri"),
    ],
)
def test_wrong_usage_is_status_2(gallery, uri, run, argv, line):
    filled = [argument.format(uri=uri) for argument in argv]
    status, out, err = run("search", "--set", gallery.path, "--item", "0003", *filled)
    assert (status, out) == (2, "")
    assert line in err


def test_what_fails_is_status_1_and_one_line(gallery, uri, run, monkeypatch):
    monkeypatch.setenv("MILVUS_TOKEN", "root:hush-hush")
    nobody = f"http://localhost:{unused_port()}"
    for argv, line in [
        (("push", gallery.path, "--uri", nobody), f"gram: {nobody}: cannot be reached"),
        (
            ("search", "--item", "0003", "--set", gallery.path, "--uri", uri, "--collection", "no"),
            "does not exist; push",
        ),
        (("search", "--item", "0008", "--set", gallery.path, "--uri", uri), "item '0008' has no text"),
        (("push", gallery.path / "none", "--uri", uri), "does not exist; give the folder"),
    ]:
        status, out, err = run(*argv)
        assert (status, out) == (1, "")
        assert line in err
        assert len([each for each in err.splitlines() if "pushing" not in each and each.strip()]) == 1
        assert "hush" not in err


def test_the_token_comes_from_the_environment(uri, gallery, run, monkeypatch):
    tokens = []
    monkeypatch.setattr(
        "gram.retrieval.milvus.search.Connection", lambda uri, token, timeout: tokens.append(token) or 1 / 0
    )
    monkeypatch.setenv("MILVUS_TOKEN", "usual")
    monkeypatch.setenv("OTHER", "other")
    for more in ((), ("--token-env", "OTHER")):
        with pytest.raises(ZeroDivisionError):
            run("push", gallery.path, "--uri", uri, *more)
    assert tokens == ["usual", "other"]
