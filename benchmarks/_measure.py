"""How the benchmarks measure: the clocks they count by, and the most memory that a piece of work takes."""

import ctypes
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def peak_bytes() -> int:
    """Return the most memory that this process ever held, or held since `forget_peak`, where that can be forgotten."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Let the peak begin at what is held now; on systems other than Linux nothing is forgotten."""
    switch = Path("/proc/self/clear_refs")
    if switch.exists():
        switch.write_text("5")


def return_freed() -> None:
    """Give memory that was freed back to the system, so that work is seen to take what it would in a new process."""
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)


def extra_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that a piece of work held at once beyond what was held before, its result included."""
    return_freed()
    forget_peak()
    before = peak_bytes()
    result = work()
    more = peak_bytes() - before
    del result
    return more


def median_seconds(work: Callable[[], object], repeats: int, patience: float, clock: str = "wall") -> float:
    """Return the median time of a piece of work, over `repeats` or as many as begin within `patience` seconds."""
    now, times = CLOCKS[clock], []
    while len(times) < repeats and sum(times) < patience:
        start = now()
        work()
        times.append(now() - start)
    return statistics.median(times)
