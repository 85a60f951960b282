"""The command line: help and version, wrong usage, and how it ends when something is wrong."""

import subprocess
import sys

import pytest

import gram.cli.evaluate
from gram import EmbeddingSet
from gram.cli import main


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
