"""Functions that jobs call in tests: they wait, crash, fill memory, or say which process they are in."""

import os
import time
from pathlib import Path

from app.jobs import ranking
from gram.errors import GramError


def count(worker, marks, seconds):
    """Leave a mark with the process's id, then say how far it is for some seconds."""
    Path(marks, f"{os.getpid()}-{time.monotonic_ns()}").touch()
    (worker.folder / "file").write_text("x")
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        worker.progress(passed / seconds, "counting")
        time.sleep(0.02)
    worker.part({"pid": os.getpid()})


def fail(worker, how):
    """Fail in one of several ways."""
    print("a library talks")
    if how == "refuse":
        raise GramError("no space\nleft")
    if how == "bug":
        raise KeyError("lost")
    if how == "memory":
        raise MemoryError
    os.kill(os.getpid(), 9)


def rank_when_told(worker, **arguments):
    """Rank as the page's job does, but say to be half done until the file that $GO_ON names is there."""
    worker.progress(0.25)
    worker.progress(0.5, "held")
    while not Path(os.environ["GO_ON"]).exists():
        time.sleep(0.01)
    ranking.compute(worker, **arguments)


def refuse_to_rank(worker, **arguments):
    """Fail as a ranking may."""
    raise GramError("no space left")
