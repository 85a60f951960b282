"""Results on disk: columns, metadata, and files that are none."""

from pathlib import Path

import pytest

from gram.errors import GramError
from gram.experiments import load

COMMON = ["metric", "value", "low", "high", "interval", "seed", "seeds"]
KEYS = {
    "losses-and-measures": ["loss", "measure", "direction"],
    "modalities": ["loss", "trained", "tested", "measure", "against"],
    "volume-as-metric": ["loss", "step", "scope", "target", "predictor"],
    "sensitivity": ["loss", "varied", "setting", "place"],
    "unequal": ["loss", "degradation", "measure"],
    "coarse-and-fine": ["loss", "trained", "asked", "measure"],
    "rivals": ["loss", "modalities", "measure"],
    "space": ["loss", "modality"],
}
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


@pytest.mark.parametrize("name", KEYS)
def test_a_table_has_its_columns_and_says_what_made_it(quick, name):
    frame, facts = quick.frame(name), quick.metadata(name)
    assert list(frame.columns) == [*KEYS[name], *COMMON]
    assert facts["gram.experiment"] == name
    assert facts["gram.scale"] == "quick"
    assert facts["gram.device"] == "cpu"
    assert facts["gram.torch"].startswith("2.")
    assert len(facts["gram.commit"]) >= 7
    assert float(facts["gram.seconds"]) > 0
    assert float(facts["gram.training_seconds"]) > 0
    assert facts["gram.started"].endswith("+00:00")
    assert "gram" in facts["gram.command"]
    there = frame.dropna(subset=["low"])
    single = there[there["interval"] == "items"]
    assert (single["low"] <= single["value"] + 1e-9).all()
    assert (single["value"] <= single["high"] + 1e-9).all()
    shares = frame[frame["metric"].isin(["R@1", "hit", "chance", "AUC", "probe accuracy", "volume AUC"])]["value"]
    assert shares.between(0, 1).all()
    again, told = load(name, quick.out)
    assert len(again) == len(frame)
    assert told["experiment"] == name


def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GramError, match="no result here; make it with: python -m gram experiment space"):
        load("space", tmp_path)
    (tmp_path / "space.parquet").write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(GramError, match="no readable result; make it again"):
        load("space", tmp_path)


def test_a_result_of_another_experiment_is_refused(tmp_path: Path, quick) -> None:
    (tmp_path / "space.parquet").write_bytes((quick.out / "rivals.parquet").read_bytes())
    with pytest.raises(GramError, match="not a result of the experiment space"):
        load("space", tmp_path)
