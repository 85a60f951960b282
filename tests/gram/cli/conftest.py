"""What the tests of commands share: a small set on disk, a call of the program, the quick experiments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSet, FeatureSet
from gram.cli import main
from tests.helpers.cli_sets import make_arrays
from tests.helpers.quick_experiments import quick

__all__ = ["quick"]


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


@pytest.fixture
def features(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 5))
    views = {name: (hidden @ rng.normal(size=(5, d))).astype(np.float32) for name, d in (("text", 7), ("video", 12))}
    FeatureSet(views, pd.DataFrame({"id": range(200)})).save(tmp_path / "in")
    return tmp_path / "in"
