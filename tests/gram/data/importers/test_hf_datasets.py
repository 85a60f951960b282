"""Datasets as the real `datasets` library saves them."""

import subprocess
import sys

import numpy as np

from gram.data.importers import inspect, read

SAVE = """
import sys, datasets, numpy as np
rng = np.random.default_rng(0)
def part(n, first):
    rows = {"id": [f"{i:03d}" for i in range(first, first + n)], "label": [i % 2 for i in range(n)],
            "text": rng.normal(size=(n, 4)).tolist(), "image": rng.normal(size=(n, 3)).tolist()}
    rows["image"][1] = None
    kinds = datasets.Features({"id": datasets.Value("string"), "label": datasets.ClassLabel(names=["cat", "dog"]),
        "text": datasets.Sequence(datasets.Value("float32"), length=4),
        "image": datasets.Sequence(datasets.Value("float64"))})
    return datasets.Dataset.from_dict(rows, features=kinds)
parts = datasets.DatasetDict(train=part(5, 0), test=part(3, 5))
parts.save_to_disk(sys.argv[1] + "/dict", num_shards={"train": 2, "test": 1})
parts["train"].select([3, 1]).save_to_disk(sys.argv[1] + "/one")
np.savez(sys.argv[1] + "/truth.npz", text=np.concatenate([parts[s].with_format("numpy")["text"][:] for s in parts]))
"""


def test_what_datasets_saves_is_read(tmp_path):
    subprocess.run([sys.executable, "-c", SAVE, str(tmp_path)], check=True, capture_output=True)
    features = read(inspect(tmp_path / "dict"))
    truth = np.load(tmp_path / "truth.npz")["text"]
    np.testing.assert_array_equal(features.modalities["text"].numpy(), truth)
    assert features.items["id"].tolist() == [f"{i:03d}" for i in range(8)]
    assert features.items["split"].tolist() == ["train"] * 5 + ["test"] * 3
    assert features.items["label"].tolist() == ["cat", "dog", "cat", "dog", "cat", "cat", "dog", "cat"]
    assert features.missing() == {"text": 0, "image": 2}
    one = read(inspect(tmp_path / "one"))
    assert one.items["id"].tolist() == ["003", "001"]
    np.testing.assert_array_equal(one.modalities["text"].numpy(), truth[[3, 1]])
