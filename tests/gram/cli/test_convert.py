"""`gram convert`: what it writes and says."""

import json

from gram import EmbeddingSet


def test_a_set_becomes_a_file_and_a_set_again(folder, tmp_path, run):
    status, out, err = run("convert", folder, tmp_path / "one.npz", "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert (told["items"], told["anchor"], told["left_out"]) == (40, "text", [])
    assert told["modalities"]["image"] == {"d": 6, "missing": 2}
    status, out, _ = run("convert", tmp_path / "one.npz", tmp_path / "again")
    assert status == 0
    assert out.startswith(f"{tmp_path / 'again'}: 40 items, text (6), image (6), speech (6), anchor text\n")
    first, again = EmbeddingSet.load(folder), EmbeddingSet.load(tmp_path / "again")
    assert again.missing() == first.missing()
    assert again.items["label"].tolist() == first.items["label"].tolist()
