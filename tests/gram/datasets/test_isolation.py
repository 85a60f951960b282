"""Sets of one's own are searched without the built-in data."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import gram

WATCHED = """
import sys
from gram.cli import main
status = main(sys.argv[1:])
built_in = [name for name in sys.modules if name.startswith("gram.datasets.spoken_numbers")]
sys.exit(f"loaded: {built_in}" if built_in else status)
"""


def run(*words: str) -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_set_is_searched_without_the_built_in_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    items = pd.DataFrame({"id": [f"i{row}" for row in range(12)]})
    vectors = {name: rng.normal(size=(12, 4)).astype(np.float32) for name in ("text", "image", "speech")}
    gram.EmbeddingSet(vectors, items).save(tmp_path / "set")
    run("search", "--set", str(tmp_path / "set"), "--item", "i3")
