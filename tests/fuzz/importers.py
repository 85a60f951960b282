"""Damaged files of every format: each opens or raises an `EmbeddingSetError` of one line, soon and in little memory.

    python -m tests.fuzz.importers --count 10000

Cases are numbered; a number makes the same file again (`--first 1234 --count 1 --keep DIR`). They run in a process of
their own that may use little memory beyond what it starts with, so that a crash, a hang or a bomb is seen as one.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

from tests.helpers.importer_files import WRITERS, make_vectors
from tests.helpers.mutations import mutate

SECONDS, START = 60, 240  # for one file, and until the libraries are loaded, on a machine that is busy
MEMORY = 2 * 2**30  # bytes of address space beyond what the readers' libraries take
UNPACKED = 2**28


def make_originals(folder):
    """Write one sound file or folder of each format; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for writer, name in WRITERS.items():
        writer(folder / name, make_vectors())
    return [folder / name for name in WRITERS.values()]


def make_case(number, originals, target):
    """Write the damaged copy with this number into the empty folder `target`; return its path."""
    rng = np.random.default_rng(number)
    original = originals[number % len(originals)]
    copy = target / original.name
    if original.is_dir():
        shutil.copytree(original, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        victim = files[rng.integers(len(files))]
    else:
        shutil.copyfile(original, copy)
        victim = copy
    donor = originals[rng.integers(len(originals))]
    other = donor.read_bytes() if donor.is_file() else b"\0" * 64
    victim.write_bytes(mutate(rng, victim.name, victim.read_bytes(), other))
    return copy


def run_case(path):
    """Open a file as people do; return "opened", "refused", or what is wrong with the refusal."""
    from gram import EmbeddingSetError
    from gram.data.importers import Limits, inspect, read, row_errors

    try:
        found = inspect(path, limits=Limits(file=2**28, unpacked=UNPACKED, items=10**6))
        row_errors(found)
        read(found)
    except EmbeddingSetError as error:
        text = str(error)
        return "refused" if text and len(text.splitlines()) == 1 else f"not one line: {text!r}"
    return "opened"


def work(first, count, folder, keep):
    """Run cases, and print a line of JSON for each: before it starts, and with its outcome."""
    originals = make_originals(folder / "originals")
    for path in originals:  # load every library before memory is limited
        assert run_case(path) == "opened", path
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + MEMORY,) * 2)
    for number in range(first, first + count):
        target = (keep or folder) / str(number)
        target.mkdir(parents=True)
        path = make_case(number, originals, target)
        print(json.dumps({"start": number, "file": path.name}), flush=True)
        began = time.process_time()
        try:
            outcome = run_case(path)
        except BaseException:
            outcome = traceback.format_exc()
        print(json.dumps({"end": number, "outcome": outcome, "seconds": time.process_time() - began}), flush=True)
        if keep is None:
            shutil.rmtree(target)


def fuzz(first, count, keep=None):
    """Run cases in processes that are replaced when they die; return outcomes, failures and the slowest case."""
    outcomes, failures, slowest = Counter(), [], 0.0
    stop = first + count
    while first < stop:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.fuzz.importers", "--work", folder]
            command += ["--first", str(first), "--count", str(stop - first), *(["--keep", str(keep)] if keep else [])]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": folder, "MALLOC_ARENA_MAX": "2"}
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
            ) as process:
                current, file = first, ""
                timer = _Watchdog(process)
                for line in process.stdout:
                    timer.feed()
                    said = json.loads(line)
                    if "start" in said:
                        current, file = said["start"], said["file"]
                        continue
                    first = said["end"] + 1
                    slowest = max(slowest, said["seconds"])
                    fine = said["outcome"] in ("opened", "refused")
                    outcomes[said["outcome"] if fine else "failed"] += 1
                    if not fine:
                        failures.append((said["end"], file, said["outcome"]))
                timer.stop()
                errors = process.stderr.read()
            if first < stop:
                if process.returncode == 1 and not file:
                    raise RuntimeError(errors)
                outcomes["died"] += 1
                failures.append((current, file, f"process ended with {process.returncode}\n{errors[-2000:]}"))
                first = current + 1
    return outcomes, failures, slowest


class _Watchdog:
    """Ends a process that has said nothing for too long."""

    def __init__(self, process):
        self.process, self.end, self.done = process, time.monotonic() + START, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def feed(self):
        self.end = time.monotonic() + SECONDS

    def stop(self):
        self.done.set()
        self.thread.join()

    def _watch(self):
        while not self.done.wait(0.5):
            if time.monotonic() > self.end:
                self.process.kill()
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="folder to leave the damaged files in")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.first, args.count, args.work, args.keep)
        return 0
    began = time.monotonic()
    outcomes, failures, slowest = fuzz(args.first, args.count, args.keep)
    for number, file, what in failures:
        print(f"--- case {number}, {file}\n{what}\n")
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(
        f"{args.count:,} damaged files of {len(WRITERS)} kinds: {told}; slowest {slowest:.2f} s of processor time, ",
        end="",
    )
    print(f"all {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
