"""The heap of the least upper bounds, and which candidates a full list keeps."""

import heapq

import numpy as np
import pytest

from gram.retrieval.compressed import bound_scan, byte_products

pytestmark = pytest.mark.skipif(not byte_products.available(), reason="this processor does not multiply bytes")


def test_the_heap_holds_the_least_values():
    values = np.random.default_rng(0).random(200).astype(np.float32)
    heap = np.full(7, np.inf, dtype=np.float32)
    for value in values:
        if value < heap[0]:
            bound_scan._sift(heap, value)
        assert heap[0] == heap.max()
    assert sorted(heap.tolist()) == heapq.nsmallest(7, values.tolist())


def test_what_is_above_the_best_is_dropped_in_order():
    items, lower, upper = np.arange(6, dtype=np.int32), np.float32([5, 1, 3, 9, 2, 3]), np.float32([6, 2, 4, 9, 3, 5])
    kept = bound_scan._thin_out(items, lower, upper, np.float32(3))
    assert items[:kept].tolist() == [1, 2, 4, 5]
    assert lower[:kept].tolist() == [1, 3, 2, 3]
    assert upper[:kept].tolist() == [2, 4, 3, 5]
