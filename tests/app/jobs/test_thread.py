"""Work in a thread: told how far, stopped, its result and its error handed on."""

import threading

import pytest

from app.jobs.thread import WatchedThread


def test_a_result_is_handed_on_and_the_share_is_what_was_told():
    go_on, half = threading.Event(), threading.Event()

    def work(tell):
        tell(0.25)
        tell(0.5)
        half.set()
        go_on.wait(30)
        return "done"

    job = WatchedThread(work)
    assert half.wait(30)
    assert job.running
    assert job.share == 0.5
    assert job.seconds_left is not None
    go_on.set()
    assert job.result() == "done"
    assert not job.running


def test_work_ends_where_it_next_tells_once_it_is_told_to_stop():
    told = []

    def work(tell):
        for step in range(10**9):
            tell(step / 10**9)
            told.append(step)

    job = WatchedThread(work)
    job.stop()
    assert not job.running
    assert job.stopped
    assert job.result() is None
    assert len(told) < 10**9


def test_what_the_work_raises_is_raised_where_the_result_is_asked_for():
    def work(tell):
        raise ValueError("no such thing")

    job = WatchedThread(work)
    with pytest.raises(ValueError, match="no such thing"):
        job.result()
