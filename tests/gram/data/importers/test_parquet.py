"""Parquet: columns are read when they are asked for."""

import numpy as np
import pandas as pd
import pytest

from gram.data.importers import inspect, read, sandbox


def table(n=40):
    rng = np.random.default_rng(0)
    columns = {name: list(rng.normal(size=(n, 8)).astype(np.float32)) for name in ("text", "image")}
    return pd.DataFrame({"id": [f"{row:03d}" for row in range(n)], **columns})


@pytest.mark.parametrize("small", [0, 2**24])
def test_columns_of_a_large_file_are_loaded_when_they_are_asked_for(small, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_SMALL", small)
    made = table()
    made.to_parquet(tmp_path / "a.parquet")
    jobs = []
    run = sandbox.Job.run
    monkeypatch.setattr(sandbox.Job, "run", lambda *args, **more: jobs.append(more.get("column")) or run(*args, **more))
    features = read(inspect(tmp_path / "a.parquet"))
    assert features.items["id"].tolist() == made["id"].tolist()
    for name in ("text", "image"):
        np.testing.assert_array_equal(features.modalities[name].numpy(), np.stack(made[name]))
    assert set(jobs) == ({None} if small else {None, "id", "text", "image"})


def test_a_column_of_one_category(tmp_path):
    made = table(6).assign(split=pd.Categorical(["test"] * 6))
    made.to_parquet(tmp_path / "a.parquet")
    assert read(inspect(tmp_path / "a.parquet")).items["split"].tolist() == ["test"] * 6
