"""Work on many rows in pieces: blocks that fit the cache, and segments that two threads work on."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")
BLOCK_ELEMENTS = 1 << 22  # 16 MB of float32: large enough to stream at memory speed
CACHED_ELEMENTS = (1 << 15) - 1  # 128 KB; torch starts threads, which wait for each other, only above it
_THREADS = 2
_SEGMENTS = 64  # at most: enough to report progress


def blocks(n: int, row_elements: int, *, elements: int = BLOCK_ELEMENTS) -> Iterator[slice]:
    """Yield slices over n rows of `row_elements` numbers: at most `elements` numbers each, but at least one row."""
    size = max(1, elements // max(1, row_elements))
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def map_segments(n: int, row_elements: int, work: Callable[[slice], R], *, elements: int) -> Iterator[tuple[slice, R]]:
    """Yield each segment of n rows with the result of `work`, in order; two threads work, one reads while one computes.

    torch's own threads would wait for each other after every step on a few hundred rows; these wait once a segment. A
    single segment is done in the calling thread. A segment has at least `elements` numbers.
    """
    segments = list(blocks(n, 1, elements=max(elements // max(1, row_elements), -(-n // _SEGMENTS))))
    if len(segments) < 2:
        yield from ((segment, work(segment)) for segment in segments)
        return
    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            yield from zip(segments, threads.map(work, segments))
        finally:
            threads.shutdown(cancel_futures=True)
