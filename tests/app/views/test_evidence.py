"""The evidence page: each claim with what was found, computed from the tables; a quick run made and shown."""

import json
import re
import shutil
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest

from app.data import results
from app.views.evidence import markup as markup_module
from gram.experiments import EVIDENCE, EXPERIMENTS
from gram.experiments.results import quick_folder
from tests.app.conftest import open_app

FIRST = "losses-and-measures"
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
def cache(assets, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAM_CACHE", str(tmp_path))


def page():
    at = open_app("evidence").run()
    assert not at.exception
    return at


def markup(at):
    return "\n".join(each.proto.body for each in at.get("html"))


def figures(at):
    held = (json.loads(each.proto.json) for each in at.get("bidi_component") if each.proto.json)
    return [json.loads(each["figure"]) for each in held if isinstance(each, dict) and "figure" in each]


def test_each_claim_stands_beside_what_was_found():
    at = page()
    said = markup(at)
    assert [each.value for each in at.subheader] == [module.TITLE for module in EXPERIMENTS.values()]
    assert all(module.CLAIM.sentence in said for module in EXPERIMENTS.values())
    assert said.count("Found here.") == len(figures(at)) == len(EXPERIMENTS)
    table = pd.read_parquet(EVIDENCE / f"{FIRST}.parquet")
    rows = table.query("seed == -1 and metric == 'R@1' and direction == 'query-to-candidates'").set_index(
        ["loss", "measure"]
    )
    for loss, measure in (("gram", "volume"), ("cosine", "cosine")):
        assert f"{100 * rows.loc[(loss, measure), 'value']:.1f}\N{NO-BREAK SPACE}%" in said
    commit = pq.read_schema(EVIDENCE / f"{FIRST}.parquet").metadata[b"gram.commit"].decode()
    assert f"commit {commit[:7]}" in said


def test_published_numbers_and_the_rescoring_stand_together():
    said = re.sub(r"<[^>]+>", " ", markup_module.claim(EXPERIMENTS.get("modalities").CLAIM, "#ffffff"))
    assert "54.2  /  50.5" in said
    assert "scored again, text against video+audio  52.0  /  –" in said
    assert "Claimed." in said
    assert "Read with care." in markup_module.claim(EXPERIMENTS.get("rivals").CLAIM, "#ffffff")
    assert "Read with care." not in said
    assert "Supposed." in markup_module.claim(EXPERIMENTS.get("sensitivity").CLAIM, "#ffffff")


def test_numbers_keep_their_sign_and_unit():
    said = markup_module.found("moved by -2.0 points", "changed by -3.1 points (-4 to +2) at 30 %, text-2 <b>")
    assert "<b>Found here.</b> moved by −2.0 points</p>" in said
    assert "−3.1 points (−4 to +2) at 30\N{NO-BREAK SPACE}%, text-2 &lt;b&gt;" in said


def test_clauses_of_a_finding_stand_on_lines_of_their_own():
    said = markup_module.found("in short", "one (a; b); two; three")
    assert "<p>one (a; b); <span>two;</span> <span>three</span></p>" in said


def test_a_result_that_is_not_there_or_cannot_be_read_is_said_in_a_line(tmp_path, monkeypatch):
    folder = tmp_path / "evidence"
    folder.mkdir()
    shutil.copy(EVIDENCE / "rivals.parquet", folder / "rivals.parquet")
    (folder / "space.parquet").write_text("no table")
    monkeypatch.setattr(results, "EVIDENCE", folder)
    at = page()
    assert len(at.info) == len(EXPERIMENTS) - 2
    assert f"python -m gram experiment {FIRST}" in at.info[0].value
    (fault,) = at.error
    assert "space.parquet: no readable result" in fault.value
    assert len(figures(at)) == 1


def test_a_quick_run_is_made_watched_and_shown():
    at = page()
    at.button(key=f"evidence_run_{FIRST}").click().run()
    deadline = time.monotonic() + 200
    while "evidence_job" in at.session_state and time.monotonic() < deadline:
        time.sleep(0.5)
        at.run()
    assert not at.exception
    assert not at.error
    assert at.session_state[f"evidence_{FIRST}"] == "quick run"
    said = markup(at)
    assert "quick scale" in said
    assert f"python -m gram experiment {FIRST} --quick" in said
    table = pd.read_parquet(quick_folder() / f"{FIRST}.parquet")
    row = table.query("seed == -1 and metric == 'R@1' and loss == 'gram' and measure == 'volume'").iloc[0]
    assert f"{100 * row['value']:.1f}\N{NO-BREAK SPACE}%" in said
    at.segmented_control(key=f"evidence_{FIRST}").set_value("shipped").run()
    assert "quick scale" not in markup(at)
