"""Progress: parts of the whole, and stages by weight."""

import pytest

from gram.core.progress import no_progress, stage_progress, subprogress


def test_a_part_reports_its_share_of_the_whole_and_its_stage():
    told = []
    report = subprogress(lambda *said: told.append(said), 0.2, 0.6, "reading")
    for share in (0.0, 0.5, 1.0):
        report(share, "inner")
    assert told == [(0.2, "reading"), (pytest.approx(0.4), "reading"), (0.6, "reading")]


def test_a_part_without_a_stage_passes_on_the_inner_one():
    told = []
    subprogress(lambda *said: told.append(said), 0.0, 0.5)(1.0, "inner")
    assert told == [(0.5, "inner")]


def test_stages_share_the_whole_by_weight_without_a_step_back():
    told = []
    stages = stage_progress(lambda *said: told.append(said), {"a": 0.1, "b": 0.2, "nothing": 0.0, "c": 0.7})
    assert list(stages) == ["a", "b", "nothing", "c"]
    for stage in ("a", "b", "c"):
        for share in (0.0, 1 / 3, 1.0):
            stages[stage](share)
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares[2] == pytest.approx(0.1)
    assert [stage for _, stage in told] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_an_exception_goes_through_and_no_progress_does_nothing():
    def refuse(share, stage="", /):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        subprogress(refuse, 0.0, 1.0)(0.5)
    assert no_progress(0.5) is None
