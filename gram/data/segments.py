"""Work on many rows, segment by segment, by two threads: one reads while the other computes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")
_THREADS = 2
_SEGMENTS = 64  # of long work: enough to tell the share that is done


def map_segments(n: int, row_elements: int, work: Callable[[slice], R], *, elements: int) -> Iterator[tuple[slice, R]]:
    """Yield what `work` gives for each segment of n rows, with the segment, in order.

    Threads of torch's own would meet after every step on a few hundred rows, and wait for each other; these two meet
    at the end. What fits in one segment is done in the thread that asks.

    Args:
        n: how many rows there are.
        row_elements: numbers in a row.
        work: takes a segment; of two at once.
        elements: numbers that a segment has at least.
    """
    size = max(1, elements // max(1, row_elements), -(-n // _SEGMENTS))
    segments = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if len(segments) < 2:
        yield from ((segment, work(segment)) for segment in segments)
        return
    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            yield from zip(segments, threads.map(work, segments))
        finally:
            threads.shutdown(cancel_futures=True)
