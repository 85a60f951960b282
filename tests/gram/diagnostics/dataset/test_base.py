"""A fault is one file: a toy fault from a temporary file is checked, shown and planted like the built-in ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gram.diagnostics import FAULTS
from gram.diagnostics.dataset.base import CleanSet, log_uniform, unit
from tests.helpers.made import aligned, as_set

PLUGIN = """
import numpy as np

from gram.diagnostics.dataset.base import Checked, CleanSet, Finding, register
from gram.diagnostics.dataset.context import DiagnosisContext


def plant(clean: CleanSet) -> dict:
    clean.rows[clean.anchor][:] = np.abs(clean.rows[clean.anchor])
    return {"modalities": [clean.anchor]}


@register("nonnegative", order=15, stage="signs of coordinates", plant=plant)
def check(context: DiagnosisContext) -> Checked:
    names = [name for name, rows in context.part.modalities.items() if bool((rows >= 0).all())]
    looked_at = f"{len(names)} modalities have no negative coordinate"
    if not names:
        return looked_at, []
    text = f"Every coordinate of {names[0]} is at least 0."
    return looked_at, [Finding(cause="nonnegative", severity=0.01, title="A ReLU too late", text=text,
                               modalities=tuple(names))]
"""


SHOWN = """
import sys
from types import SimpleNamespace
from app.views.failures.remedies_panel import _listed
from gram import EmbeddingSet
from gram.diagnostics import FAULTS, diagnose, make_faulty_set, plantable_faults

assert list(FAULTS)[:3] == ["hubs", "nonnegative", "imbalance"]
assert "nonnegative" in plantable_faults()
clean, planted = EmbeddingSet.load(sys.argv[1]), make_faulty_set("nonnegative", seed=0, n=50, k=2, d=64)
told = []
for found, embedded in ((False, clean), (True, planted)):
    diagnosis = diagnose(embedded, progress=lambda share, stage="": told.append(stage))
    check = next(check for check in diagnosis.checked if check.cause == "nonnegative")
    assert (check.found, diagnosis.of("nonnegative") is not None) == (found, found)
    page = _listed(diagnosis, SimpleNamespace(judge=SimpleNamespace(model="gram")), embedded)
    assert ("A ReLU too late" in page) == found
    assert ("<li>0 modalities have no negative coordinate</li>" in page) != found
assert "signs of coordinates" in told
"""


@pytest.fixture
def with_plugin(tmp_path):
    plugin = tmp_path / "nonnegative.py"
    plugin.write_text(PLUGIN)
    as_set(aligned(n=30)).save(tmp_path / "set")
    return {**os.environ, "GRAM_PLUGINS": str(plugin)}


def run(*argv, env):
    root = Path(__file__).parents[4]
    return subprocess.run([sys.executable, *argv], capture_output=True, text=True, env=env, cwd=root)


def test_a_fault_of_one_file_is_diagnosed_planted_and_listed_on_the_page(with_plugin, tmp_path):
    done = run("-c", SHOWN, str(tmp_path / "set"), env=with_plugin)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_one_file_is_printed_by_the_command_line(with_plugin, tmp_path):
    done = run("-m", "gram", "diagnose", str(tmp_path / "set"), env=with_plugin)
    assert done.returncode == 0, done.stderr
    assert "  nonnegative   0 modalities have no negative coordinate\n" in done.stdout


def test_built_in_faults_come_in_order_and_say_what_they_do():
    assert list(FAULTS) == [
        "hubs", "imbalance", "noise", "sign-flip", "degenerate", "unresolved", "missing", "collapse", "modality-gap",
        "swapped", "duplicates",
    ]  # fmt: skip
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.check.__doc__.endswith(".")
        assert fault.plant is None or fault.plant.__doc__.endswith(".")


def test_a_clean_set_knows_its_anchor_and_draws_items():
    rows = {name: unit(np.ones((200, 3))) for name in ("text", "image", "speech")}
    clean = CleanSet(rows, np.random.default_rng(0))
    assert (clean.anchor, clean.candidates) == ("text", ["image", "speech"])
    drawn = clean.draw_items(0.1, 0.2)
    assert 20 <= len(drawn) <= 40
    assert len(set(drawn)) == len(drawn)
    assert len(clean.draw_items(0.0, 0.001)) == 4


def test_log_uniform_is_uniform_in_the_logarithm():
    rng = np.random.default_rng(1)
    drawn = np.log10([log_uniform(rng, (0.01, 1.0)) for _ in range(4000)])
    assert drawn.min() >= -2
    assert drawn.max() <= 0
    assert drawn.mean() == pytest.approx(-1, abs=0.05)
