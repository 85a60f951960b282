"""Digits as 8 x 8 counts of ink: the weight of strokes, and the blocks."""

import numpy as np
from PIL import Image

from gram.datasets.spoken_numbers.bitmaps import blocks_of


def test_little_ink_is_thickened_and_much_is_thinned():
    thin, heavy = np.zeros((64, 40), bool), np.ones((64, 40), bool)
    thin[:, [0, -1]] = True
    assert blocks_of(thin).sum() > 2 * 32 * 2
    assert blocks_of(heavy).sum() == 16 * 28  # 20 x 32, two pixels off each side


def test_blocks_count_the_pixels_of_a_bitmap():
    rng = np.random.default_rng(2)
    picture = Image.fromarray(rng.random((8, 5)) > 0.5).resize((20, 32), Image.Resampling.NEAREST)
    ink = np.asarray(picture).copy()
    ink[:, 0] = True  # an upright left edge: nothing to shear
    assert 256 <= ink.sum() <= 412  # nothing to thin or thicken
    bitmap = np.zeros((32, 32), int)
    bitmap[:, 6:26] = ink
    expected = [[bitmap[4 * y : 4 * y + 4, 4 * x : 4 * x + 4].sum() for x in range(8)] for y in range(8)]
    assert np.array_equal(blocks_of(ink), expected)
