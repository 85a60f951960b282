"""`gram evaluate`: its table, as JSON and as Markdown."""

import json

import pandas as pd

import gram.cli.evaluate
from gram import EmbeddingSet, evaluate
from gram.retrieval.evaluate import DIRECTIONS
from tests.helpers.cli_sets import columns_of, make_arrays


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
