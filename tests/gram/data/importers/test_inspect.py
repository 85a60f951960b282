"""Inspection of large files."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gram.data.importers import Limits, suffixes

LOOK = """
import sys, time
import gram.data.storage, gram.data.importers.npy, gram.data.importers.safetensors, gram.data.importers.sandbox
gram.data.importers.sandbox.start()
def own():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
gram.data.importers.inspect(sys.argv[2])
start = time.perf_counter()
gram.data.importers.inspect(sys.argv[2])
usual, start, before = time.perf_counter() - start, time.perf_counter(), own()
found = gram.data.importers.inspect(sys.argv[1])
print(time.perf_counter() - start, usual, (own() - before) / 1024, found.n)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize("kind", ["npy", "set"])
def test_a_look_at_a_million_items_is_quick_and_small(kind, tmp_path):
    n, d = 1_000_000, 512
    if kind == "npy":
        for name in ("text", "image", "speech"):
            array = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float16, (n, d))  # sparse on disk
            del array
    else:
        size = n * d * 2
        names = ("text", "image", "speech")
        header = {
            a: {"dtype": "F16", "shape": [n, d], "data_offsets": [i * size, (i + 1) * size]}
            for i, a in enumerate(names)
        }
        text = json.dumps(header).encode()
        with (tmp_path / "embeddings.safetensors").open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + 3 * size)
        pd.DataFrame({"id": np.arange(n).astype(str), "label": "x"}).to_parquet(tmp_path / "items.parquet")
        (tmp_path / "info.json").write_text('{"version": 1, "modalities": ["text", "image", "speech"]}')
    small = tmp_path.with_name(f"{tmp_path.name}-small")
    small.mkdir()
    for name in ("text", "image", "speech"):
        np.save(small / f"{name}.npy", np.ones((3, 4), np.float16))
    command = [sys.executable, "-c", LOOK, str(tmp_path), str(small)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, usual, megabytes, found = map(float, done.stdout.split())
    assert found == n
    assert seconds < 1 + 5 * usual  # which is what a few items take here and now
    assert megabytes < 100


def test_limits_and_suffixes_have_defaults():
    assert Limits().items >= 1_000_000
    assert {".npy", ".zip", ".mat", ".pt"} <= set(suffixes())
