"""`gram diagnose`: what it prints, with what exit status, and how it ends when something is wrong."""

import json

import pytest

from gram.cli import main
from gram.diagnostics import diagnose, make_faulty_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("planted") / "set"
    make_faulty_set("hubs", seed=1, n=120, k=4, d=64).save(path)
    return path


@pytest.fixture
def run(capsys):
    def run(*argv):
        status = main(["diagnose", *map(str, argv)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_findings_are_printed_worst_first(folder, run):
    status, out, err = run(folder)
    assert (status, err) == (0, "")
    assert out.startswith(f"{folder}: text -> image + speech + tones by volume, 120 items, R@1 ")
    assert out.strip() == f"{folder}: {diagnose(make_faulty_set('hubs', seed=1, n=120, k=4, d=64))}".strip()
    assert "Hubs take first places  (hubs, severity " in out


def test_as_json(folder, run):
    status, out, _ = run(folder, "--json", "--query", "image", "--candidates", "speech,tones", "--measure", "height")
    assert status == 0
    content = json.loads(out)
    by_hand = diagnose(make_faulty_set("hubs", seed=1, n=120, k=4, d=64), "image", ["speech", "tones"], "height")
    assert content == {**json.loads(json.dumps(by_hand.to_dict())), "set": str(folder)}


def test_a_sample_is_said_to_be_one(folder, run):
    status, out, _ = run(folder, "--sample", "50", "--seed", "3")
    assert status == 0
    assert "a sample of 50 of 120 items" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--query", "smell"], "modality 'smell' is not in this set; it has text, image, speech, tones"),
        (["--candidates", "text"], "query: 'text' is also a candidate"),
        (["--measure", "nearness"], "measure: expected one of volume, height"),
        (["--measure", "triangle"], "triangle needs 2 candidate modalities"),
        (["--device", "tpu"], "device: 'tpu' is not available here"),
        (["--sample", "1"], "argument --sample: expected at least 2 items, got 1"),
        (["--sample", "none"], "argument --sample: expected a whole number of at least 1, got 'none'"),
        (["--seed", "-1"], "argument --seed: expected 0 or more, got -1"),
    ],
)
def test_wrong_usage_is_one_line(folder, run, argv, message):
    status, out, err = run(folder, *argv)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_no_set_is_an_error(tmp_path, run):
    status, _, err = run(tmp_path / "nothing")
    assert (status, err) == (1, f"gram: {tmp_path / 'nothing'}: does not exist; give the folder of an embedding set\n")
