"""A worker: `python -m app.jobs` calls one function and says how it goes.

The request comes as one line of JSON: {"function": "module:name", "arguments": {...}, "folder": ...}. Answers are JSON
lines: {"share", "stage"}, {"part"}, {"error"}. The function is called as `function(worker, **arguments)`. When standard
input ends, for the server is gone or stops the job, the worker ends too, and removes its folder.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from gram.errors import GramError

_SECONDS_BETWEEN_LINES = 0.1  # nobody looks more often


class Worker:
    """What a function in a worker process is given.

    Attributes:
        folder: for its files; it goes with the job.
    """

    def __init__(self, folder: str, answers: TextIO) -> None:
        self.folder = Path(folder)
        self._answers = answers
        self._stage, self._said = "", 0.0

    def progress(self, share: float, stage: str = "", /) -> None:
        """Say how far the work is: a progress callback of `gram`."""
        now = time.monotonic()
        if stage != self._stage or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._stage, self._said = stage, now
            self._say({"share": share, "stage": stage})

    def part(self, part: dict[str, Any]) -> None:
        """Give a part of the result, as JSON."""
        self._say({"part": part})

    def error(self, message: str) -> None:
        """Say why the work failed."""
        self._say({"error": " ".join(message.split())})

    def _say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)


def main() -> int:
    """Answer the request on standard input; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server, which ends its workers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes to the server's log
    request = json.loads(sys.stdin.readline())
    worker = Worker(request["folder"], answers)
    threading.Thread(target=_end_with_server, args=(worker.folder,), daemon=True).start()
    module, _, name = request["function"].partition(":")
    try:
        function: Callable[..., None] = getattr(import_module(module), name)
        function(worker, **request["arguments"])
    except GramError as error:
        worker.error(str(error))
        return 1
    except MemoryError:
        worker.error("it needs more memory than there is")
        return 1
    except Exception as error:  # anything else is a bug: its traceback goes to the server's log, one line to the page
        traceback.print_exc()
        worker.error(f"{type(error).__name__}: {error}")
        return 1
    return 0


def _end_with_server(folder: Path) -> None:
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
