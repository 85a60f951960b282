"""`gram search` by a stored item."""

import json

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet
from tests.helpers.cli_sets import columns_of, make_arrays


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
