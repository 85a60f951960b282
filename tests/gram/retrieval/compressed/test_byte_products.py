"""Products of bytes are exact, at the ends of their range too."""

import numpy as np
import pytest
from numba import njit

from gram.retrieval.compressed import bound_scan, byte_products, codes

pytestmark = pytest.mark.skipif(not byte_products.available(), reason="this processor does not multiply bytes")


@pytest.mark.parametrize("count", [1, 16])
@pytest.mark.parametrize("steps", [1, 33])
def test_products_are_exact_at_the_ends_of_their_range(count, steps):
    """Such sums saturate where bytes are added up in 16 bits."""
    products = bound_scan._single_products if count == 1 else bound_scan._group_products

    @njit
    def multiply(codes, asked, first, steps, out):
        products(codes.ctypes.data, asked.ctypes.data, first.ctypes.data, steps, out.ctypes.data)

    rng = np.random.default_rng(8)
    for low, high in ((0, 256), (255, 256), (0, 1)):
        stored = codes._aligned((steps, 16, 4), np.uint8)
        stored[:] = rng.integers(low, high, stored.shape)
        asked = rng.choice([-127, 127, 3], size=(count, 4 * steps)).astype(byte_products.QUERY_DTYPE)
        asked[0] = 127
        first, out = np.arange(count, dtype=np.int32) - 5, codes._aligned((count, 16), np.float32)
        multiply(stored, asked, first, steps, out)
        rows = stored.transpose(1, 0, 2).reshape(16, -1).astype(np.int64)
        np.testing.assert_array_equal(out, asked.astype(np.int64) @ rows.T + first[:, None])
