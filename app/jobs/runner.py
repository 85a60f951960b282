"""The computations under way in this server: each once, at most one a core at a time, none that nobody awaits."""

import atexit
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from streamlit import runtime

from app.jobs.eta import EtaEstimator
from app.jobs.folders import new_folder
from gram.errors import GramError

AT_ONCE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GRACE = 10.0  # seconds that a computation goes on after the last session that awaits it has disconnected


class Computation:
    """A function in a process of its own, awaited by any number of jobs.

    Attributes:
        share: from 0 to 1, how much is done.
        stage: what is being done, in words.
        parts: the parts of the result so far.
        eta: how long it will still take.
        error: why it failed; None if it did not.
        awaited_by: the jobs that wait for it.
        given_up: whether it is to end, or has ended, before it is done.
        folder: for the files of the process; it goes when the process ends.
    """

    def __init__(
        self,
        function: str,
        arguments: dict[str, Any],
        *,
        prepare: Callable[[Path], None],
        read: Callable[[dict[str, Any], Path], Any],
        eta: EtaEstimator,
    ) -> None:
        self.share, self.stage = 0.0, "starting"
        self.parts: list[Any] = []
        self.error: str | None = None
        self.awaited_by: weakref.WeakSet[Any] = weakref.WeakSet()
        self.alone_since: float | None = None
        self.given_up = False
        self.folder = new_folder("job")
        self._request = {"function": function, "arguments": arguments, "folder": str(self.folder)}
        self._prepare, self._read, self.eta = prepare, read, eta
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="job", daemon=True)

    def kill(self) -> None:
        """End it; what its function has kept stays."""
        with self._lock:
            self.given_up = True
            if self._process is not None:
                self._process.kill()

    def _run(self) -> None:
        try:
            if RUNNER.wait_for_turn(self):
                self._prepare(self.folder)
                self._prepare = _nothing  # the sets that it holds are not needed any more
                self._start()
                if self._process is not None:
                    self._follow(self._process)
        except (GramError, OSError) as error:  # a full disk, or a set that is gone
            self._fail(str(error))
        except Exception as error:  # a bug: its traceback goes to the server's log, one line to the page
            traceback.print_exc()
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            RUNNER.remove(self)

    def _fail(self, why: str) -> None:
        if not self.given_up:
            self.error = self.error or " ".join(why.split())

    def _start(self) -> None:
        with self._lock:
            if not self.given_up:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "app.jobs"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "PYTHONPATH": _python_path()},
                )

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        with process:
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):  # it has ended already; its status says how
                    os.write(process.stdin.fileno(), f"{json.dumps(self._request)}\n".encode())
            for line in process.stdout or ():
                self._take(json.loads(line))
            status = process.wait()
        if status == 0:
            self.share = 1.0
        else:
            how = "was killed, which is often for lack of memory" if status < 0 else "ended early"
            self._fail(f"its process {how} (status {status}); the server's log may say more")

    def _take(self, answer: dict[str, Any]) -> None:
        if "part" in answer:
            try:
                self.parts = [*self.parts, self._read(answer["part"], self.folder)]
            except (OSError, ValueError, GramError) as error:
                self._fail(f"a part of its result cannot be read ({error})")
        elif "error" in answer:
            self._fail(answer["error"])
        else:
            self.share, self.stage = answer["share"], answer["stage"]
            self.eta.report(self.share, self.stage)


class Runner:
    """All computations of this process, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._under_way: dict[Computation, Set[str]] = {}
        self._keeper: threading.Thread | None = None

    def join(self, job: Any, keys: Set[str], make: Callable[[], Computation]) -> Computation:
        """Return the computation under way that answers all keys, or start one; the job then awaits it."""
        with self._changed:
            same = (each for each, answers in self._under_way.items() if keys <= answers and not each.given_up)
            if (found := next(same, None)) is None:
                found = make()
                self._under_way[found] = keys
                found.thread.start()
            found.awaited_by.add(job)
            found.alone_since = None
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="jobs", daemon=True)
                self._keeper.start()
        return found

    def leave(self, job: Any, computation: Computation) -> None:
        """Have a job await a computation no longer, which ends if no other does."""
        with self._changed:
            computation.awaited_by.discard(job)
            if computation.awaited_by:
                return
            self._give_up(computation)
        if threading.current_thread() is not computation.thread:  # that of a finalizer may be any
            computation.thread.join(5.0)  # what it wrote to may be removed now

    def ahead(self, computation: Computation) -> int:
        """Return how many computations have to end before this one begins."""
        with self._changed:
            order = list(self._under_way)
            return max(0, order.index(computation) - AT_ONCE + 1) if computation in order else 0

    def wait_for_turn(self, computation: Computation) -> bool:
        """Wait until it may begin; return whether it may, for it may have been given up."""
        with self._changed:
            self._changed.wait_for(lambda: computation.given_up or not self.ahead(computation))
            return not computation.given_up

    def remove(self, computation: Computation) -> None:
        """Let the next one begin."""
        with self._changed:
            del self._under_way[computation]
            self._changed.notify_all()

    def end_all(self) -> None:
        """End all computations, and wait a moment for their processes."""
        with self._changed:
            found = list(self._under_way)
            for each in found:
                self._give_up(each)
        for each in found:
            each.thread.join(1.0)

    def _give_up(self, computation: Computation) -> None:
        """End a computation, in the same hold of the lock that found it alone: nobody joins it any more."""
        computation.kill()
        self._changed.notify_all()

    def _keep(self) -> None:
        """End what nobody awaits, again and again."""
        while True:
            time.sleep(0.5)
            now = time.monotonic()
            with self._changed:
                for each in self._under_way:
                    if any(is_connected(job.session) for job in list(each.awaited_by)):
                        each.alone_since = None
                    elif each.alone_since is None:
                        each.alone_since = now
                    elif now - each.alone_since > GRACE:
                        self._give_up(each)


def _nothing(folder: Path) -> None:
    """Prepare nothing."""


def is_connected(session: str | None) -> bool:
    """Return whether a session's page is open; that of no session counts as open, for as long as its job is there."""
    if session is None or not runtime.exists():
        return True
    return bool(runtime.get_instance().is_active_session(session))


def _python_path() -> str:
    """Return a path on which the other process finds this very package, installed or not."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


RUNNER = Runner()
atexit.register(RUNNER.end_all)
