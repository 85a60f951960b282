"""The time that work will still take, told from its pace."""

import pytest

from app.jobs.eta import EtaEstimator


@pytest.fixture
def now(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("app.jobs.eta.time.monotonic", lambda: clock[0])
    return clock


def test_time_left_is_told_from_the_pace_and_counts_down(now):
    eta = EtaEstimator()
    assert eta.seconds_left is None
    eta.report(0.0)
    assert eta.seconds_left is None
    now[0] = 110.0
    eta.report(0.25)
    assert eta.seconds_left == pytest.approx(30)
    now[0] = 115.0
    assert eta.seconds_left == pytest.approx(25)
    now[0] = 500.0
    assert eta.seconds_left == 0


def test_time_left_is_foreseen_in_every_stage(now):
    eta = EtaEstimator(by_stage=True)

    def hear(seconds, share, stage):
        now[0] += seconds
        eta.report(share, stage)
        return eta.seconds_left

    assert hear(0, 0.1, "finding neighbours") is None
    assert hear(1, 0.2, "finding neighbours") is None  # too soon to tell
    assert hear(9, 0.3, "finding neighbours") == pytest.approx(35)
    assert hear(5, 0.3, "starting UMAP") == pytest.approx(30)  # no pace of its own: it counts down
    assert hear(5, 0.4, "placing the others") == pytest.approx(25)
    assert hear(20, 0.8, "placing the others") == pytest.approx(10)
    now[0] += 4
    assert eta.seconds_left == pytest.approx(6)
    now[0] += 60
    assert eta.seconds_left == 0
