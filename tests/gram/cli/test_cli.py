"""The command line: what it prints, with what exit status, and how it ends when something is wrong."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gram.cli.evaluate
from gram import EmbeddingSet, evaluate
from gram.cli import main
from gram.retrieval.evaluate import DIRECTIONS


def make_arrays(n=40, d=6):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n, d))
    arrays = {name: meaning + rng.normal(size=(n, d)) for name in ("text", "image", "speech")}
    return {name: array / np.linalg.norm(array, axis=1, keepdims=True) for name, array in arrays.items()}


@pytest.fixture
def folder(tmp_path):
    arrays = make_arrays()
    arrays["image"][7] = np.nan
    arrays["text"][9] = np.nan
    arrays["image"][11] = arrays["speech"][11] = np.nan
    items = pd.DataFrame({"id": [f"{i:04d}" for i in range(40)], "label": [f"number {i}" for i in range(40)]})
    EmbeddingSet(modalities=arrays, items=items, info={"name": "toy"}).save(tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def run(capsys):
    def run(*argv):
        status = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def columns_of(out):
    """Return the table's rows, each cut where the header's columns start."""
    lines = out.split("\n\n", 1)[1].splitlines()
    return lines[0], lines[1:]


# --- evaluate ---


def test_evaluate_prints_one_row_a_measure_and_direction(folder, run):
    status, out, err = run("evaluate", folder, "--measure", "volume,cosine", "--direction", "both")
    assert (status, err) == (0, "")
    assert out.startswith(f"{folder}: text and image + speech, 38 items, 2 left out\n\n")
    table, caution = out.rsplit("\n\n", 1)
    assert caution.startswith("Volume is not comparable")
    header, rows = columns_of(table)
    assert header.split() == ["measure", "direction", "R@1", "R@5", "R@10", "MRR", "median", "rank", "mean", "rank"]
    assert [row.split("  ")[0] for row in rows] == ["volume", "volume", "cosine", "cosine"]
    assert "text -> image + speech" in rows[0]
    assert "image + speech -> text" in rows[1]
    report = evaluate(EmbeddingSet.load(folder), measure="cosine", direction="candidates-to-query")
    low, high = report.interval("R@1")
    assert f"{report.recall[1]:.3f} [{low:.3f}, {high:.3f}]" in rows[3]
    assert len({len(row) for row in rows}) == 1


def test_evaluate_as_json(folder, run):
    status, out, _ = run("evaluate", folder, "--query", "speech", "--candidates", "image, text", "--json")
    assert status == 0
    (content,) = json.loads(out)["reports"]
    report = evaluate(EmbeddingSet.load(folder), query="speech", candidates=["image", "text"])
    assert content == {"set": str(folder), **json.loads(json.dumps(report.to_dict()))}


def test_evaluate_as_markdown_beside_another_set(folder, tmp_path, run):
    EmbeddingSet(modalities=make_arrays(), items=pd.DataFrame({"id": range(40)})).save(tmp_path / "other")
    status, out, err = run("evaluate", folder, tmp_path / "other", "--markdown")
    assert status == 0
    assert err.startswith(f"{folder}: Volume is not comparable")
    header, rule, *rows = out.splitlines()
    assert header.startswith("| set ")
    assert set(rule) <= set("|-: ")
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [str(folder), str(tmp_path / "other")]
    assert {line.count("|") for line in out.splitlines()} == {header.count("|")}


def test_directions_are_those_of_the_library():
    assert gram.cli.evaluate.DIRECTIONS == DIRECTIONS


# --- search ---


def test_search_marks_the_true_item_and_takes_scores_apart(folder, run):
    status, out, err = run("search", "--set", folder, "--item", "0003", "-k", "39", "--measure", "volume")
    assert (status, err) == (0, "")
    assert out.startswith(
        "text of 0003 against image + speech by volume, 39 items (1 left out)\nthe true item is at place "
    )
    header, rows = columns_of(out)
    assert header.split() == ["rank", "id", "label", "score", "base", "height", "cos", "image", "cos", "speech"]
    assert len(rows) == 39
    (true,) = [row for row in rows if row.endswith("<- true item")]
    assert true.split()[1] == "0003"
    assert out.splitlines()[1].removeprefix("the true item is at place ").split(":")[0] == true.split()[0]
    assert not any("0011" in row for row in rows)


def test_search_as_json(folder, run):
    status, out, _ = run(
        "search", "--set", folder, "--item", "0003", "--candidates", "image,speech", "--json", "-k", 100
    )
    assert status == 0
    content = json.loads(out)
    assert (content["query"], content["items"], content["measure"]) == ("text of 0003", 39, "volume")
    hits = content["hits"]
    assert [hit["rank"] for hit in hits] == list(range(1, 40))
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    arrays = EmbeddingSet.load(folder).modalities
    for hit in hits:
        row = int(hit["id"])
        assert hit["label"] == f"number {row}"
        assert hit["score"] == pytest.approx(-hit["base"] * hit["height"], rel=1e-9)
        for name, cosine in hit["cosines"].items():
            expected = float(arrays["text"][3] @ arrays[name][row])
            assert cosine is None if np.isnan(expected) else cosine == pytest.approx(expected, abs=1e-6)
        vectors = np.stack([arrays["text"][3], arrays["image"][row], arrays["speech"][row]])
        vectors = vectors[~np.isnan(vectors).any(axis=1)]
        assert -hit["score"] == pytest.approx(np.prod(np.linalg.svd(vectors, compute_uv=False)), rel=1e-4)
    assert [hit["rank"] for hit in hits if hit["true"]] == [content["true_rank"]]


def test_search_for_an_item_outside_the_gallery(folder, run):
    status, out, _ = run("search", "--set", folder, "--item", "0011")
    assert status == 0
    assert "no item of the gallery is the true one" in out


def test_search_of_a_set_without_labels(tmp_path, run):
    EmbeddingSet(modalities=make_arrays(), items=pd.DataFrame({"id": range(40)})).save(tmp_path / "set")
    status, out, _ = run("search", "--set", tmp_path / "set", "--item", "3", "--query", "image", "--measure", "height")
    assert status == 0
    assert columns_of(out)[0].split()[:5] == ["rank", "id", "score", "base", "height"]


# --- validate ---


def test_validate_says_what_is_there(folder, run):
    status, out, err = run("validate", folder)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"{folder}: a sound embedding set"
    assert lines[1] == "40 items, 3 modalities, d = 6, anchor text"
    assert lines[2] == "columns: id, label"
    assert lines[4].split() == ["modality", "type", "missing", "lengths"]
    assert lines[6].split() == ["image", "float32", "2", "1", "to", "1", "(unit)"]


def test_validate_as_json_of_odd_lengths_and_lost_media(tmp_path, run):
    arrays = make_arrays() | {"tones": np.full((40, 6), np.nan)}
    arrays["text"][5] *= 3
    items = pd.DataFrame({"id": range(40), "media": ["media/0.png", "media/1.png", *[None] * 38]})
    EmbeddingSet(modalities=arrays, items=items).save(tmp_path / "set")
    (tmp_path / "set" / "media").mkdir()
    (tmp_path / "set" / "media" / "1.png").write_bytes(b"")
    status, out, _ = run("validate", tmp_path / "set", "--json")
    assert status == 0
    content = json.loads(out)
    assert content["modalities"]["text"]["longest"] == pytest.approx(3)
    assert [content["modalities"][name]["unit"] for name in ("text", "image", "tones")] == [False, True, None]
    assert content["modalities"]["tones"]["missing"] == 40
    assert content["media"] == {"media": {"named": 2, "found": 1}}
    status, out, _ = run("validate", tmp_path / "set")
    assert "media: media, 1 of 2 files found" in out
    assert "0.9999" not in out
    assert "1 to 3 (not unit)" in out
    assert "none present" in out


# --- what goes wrong ---


@pytest.mark.parametrize("command", [["validate"], ["evaluate"], ["search", "--item", "1", "--set"]])
def test_a_bad_set_is_one_line_and_status_1(command, tmp_path, run):
    status, out, err = run(*command, tmp_path / "nowhere")
    assert (status, out) == (1, "")
    assert err == f"gram: {tmp_path}/nowhere: does not exist; give the folder of an embedding set\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--item", "9999"], "no item has the id '9999'"),
        (["--item", "0009"], "item '0009' has no text; ask with another modality or item"),
    ],
)
def test_items_that_cannot_ask(folder, run, argv, message):
    status, out, err = run("search", "--set", folder, *argv)
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: command"),
        (["sing"], "invalid choice: 'sing'"),
        (["evaluate"], "required: SET"),
        (["evaluate", "SET", "--measure", "area"], "area"),
        (["evaluate", "SET", "--measure", ","], "expected one name or more"),
        (["evaluate", "SET", "--query", "video"], "'video' is not in this set; it has text, image, speech"),
        (["evaluate", "SET", "--candidates", "text,image"], "'text' is also a candidate"),
        (["evaluate", "SET", "--direction", "up"], "invalid choice: 'up'"),
        (["evaluate", "SET", "--device", "abacus"], "device: 'abacus' is not available"),
        (["evaluate", "SET", "--json", "--markdown"], "not allowed with"),
        (["search", "--set", "SET", "--item", "0001", "-k", "0"], "expected a whole number of at least 1, got '0'"),
        (["search", "--set", "SET", "--item", "0001", "--candidates", "image,image"], "'image' is named twice"),
        (["search", "--set", "SET", "--item", "0001", "--measure", "area"], "area"),
        (["evaluate", "SET", "--candidates", "image", "--measure", "volume,triangle"], "triangle needs 2 candidate"),
        (
            ["search", "--set", "SET", "--item", "0001", "--candidates", "image", "--measure", "triangle"],
            "measure: triangle needs 2 candidate modalities beside the query, got 1: choose 2, or one of volume",
        ),
        (["search", "--set", "SET"], "ask with --text, --image, --speech, --tones (one or more), or else with --item"),
        (["search", "--set", "SET", "--item", "0001", "--text", "4721"], "or else with --item"),
        (["search", "--set", "SET", "--text", "4721", "--query", "image"], "--query says which modalities of --item"),
        (["search", "--set", "SET", "--text", "4721"], "--model is needed: the folder of the model that made"),
        (["search", "--set", "SET", "--item", "0001", "--query", "video"], "'video' is not in this set"),
        (["search", "--set", "SET", "--item", "0001", "--query", "text,text"], "'text' comes twice"),
        (
            ["search", "--set", "SET", "--item", "0001", "--query", "image", "--candidates", "image"],
            "'image' also asks, so each item would find itself",
        ),
        (
            ["search", "--set", "SET", "--item", "0001", "--query", "text,image,speech"],
            "the query has text, image, speech, and nothing is left to judge items by",
        ),
        (["embed", "--out", "nowhere", "--items", "0"], "expected a whole number of at least 1, got '0'"),
        (["validate", "a", "b"], "unrecognized arguments: b"),
    ],
)
def test_wrong_usage_is_status_2(folder, run, argv, message):
    status, out, err = run(*(str(folder) if argument == "SET" else argument for argument in argv))
    assert (status, out) == (2, "")
    assert message in err
    assert "usage: gram" in err


def test_bugs_show_as_bugs(folder, monkeypatch):
    def broken(path):
        raise ZeroDivisionError

    monkeypatch.setattr(EmbeddingSet, "load", broken)
    with pytest.raises(ZeroDivisionError):
        main(["validate", str(folder)])


def test_stopped_by_the_keyboard(folder, run, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(EmbeddingSet, "load", stop)
    assert run("validate", folder) == (130, "", "gram: stopped\n")


def test_a_reader_that_goes_away(folder):
    arguments = [sys.executable, "-m", "gram", "validate", str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


# --- the program ---


@pytest.mark.parametrize("argv", [["--help"], ["evaluate", "--help"], ["train", "--help"]])
def test_help_comes_at_once_and_without_torch(argv):
    program = (
        "import sys, time; from gram.cli import main\n"
        f"print(main({argv!r}), 'torch' in sys.modules, time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: gram")
    status, has_torch, seconds = done.stdout.splitlines()[-1].split()
    assert (status, has_torch) == ("0", "False")
    assert float(seconds) < 1.0  # of the processor, so that a busy machine does not fail this


@pytest.mark.parametrize(("argument", "status"), [("--version", 0), ("sing", 2)])
def test_module_runs_as_a_program(argument, status):
    done = subprocess.run([sys.executable, "-m", "gram", argument], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout == (f"gram {gram.__version__}\n" if status == 0 else "")


def test_version(run):
    assert run("--version") == (0, f"gram {gram.__version__}\n", "")
