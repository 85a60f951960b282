"""Tables and progress as commands print them."""

import pytest

from gram.cli.output import progress_bar, table


def test_numbers_stand_to_the_right_and_words_to_the_left():
    rows = [{"name": "a", "value": "1.5"}, {"name": "long", "value": "12"}]
    assert table(rows).splitlines() == ["name  value", "a       1.5", "long     12"]
    assert table(rows, markdown=True).splitlines()[1] == "| ---- | ----: |"


def test_progress_is_one_bar_with_share_and_stage(capsys: pytest.CaptureFixture[str]):
    with progress_bar("working") as report:
        report(0.25, "first")
        report(1.0, "last")
    said = capsys.readouterr().err
    assert "working: 100%" in said
    assert said.rstrip().endswith("last")
    assert said.endswith("\n")


def test_time_left_is_reckoned_from_the_first_report_on(monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr("tqdm.tqdm.close", lambda bar: made.append(bar.format_dict))
    with progress_bar("going on") as report:
        report(0.9, "what an earlier run left")
        report(0.95)
    assert made[0]["initial"] == 0.9
    assert made[0]["n"] == pytest.approx(0.95)


def test_a_bar_for_terminals_only_is_silent_elsewhere(capsys: pytest.CaptureFixture[str]):
    with progress_bar("looking", only_on_terminal=True) as report:
        report(0.5, "half")
    assert capsys.readouterr().err == ""
