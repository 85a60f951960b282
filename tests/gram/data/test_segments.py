"""Blocks and segments of many rows."""

import threading

import numpy as np
import pytest

from gram.data.segments import blocks, map_segments


@pytest.mark.parametrize(("n", "row", "elements"), [(0, 3, 10), (1, 3, 10), (10, 3, 10), (10, 100, 10), (7, 0, 3)])
def test_blocks_cover_all_rows_once_and_are_small(n, row, elements):
    cut = list(blocks(n, row, elements=elements))
    assert [number for block in cut for number in range(n)[block]] == list(range(n))
    assert all(block.stop - block.start == 1 or (block.stop - block.start) * row <= elements for block in cut)


def test_one_segment_is_done_in_the_calling_thread():
    (told,) = map_segments(5, 3, lambda segment: threading.current_thread(), elements=1000)
    assert told == (slice(0, 5), threading.main_thread())


def test_long_work_is_done_once_a_row_and_stops_at_an_error():
    seen = np.zeros(1000, dtype=int)

    def work(segment):
        seen[segment] += 1
        return segment.stop

    assert [told for _, told in map_segments(1000, 3, work, elements=30)] == [*range(16, 1001, 16), 1000]
    assert (seen == 1).all()

    def failing(segment):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(map_segments(1000, 3, failing, elements=30))
