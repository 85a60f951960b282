"""One digit's ink in the form of the UCI handwritten digits: normalised as NIST does, counted in 4 x 4 blocks.

Alpaydin and Kaynak made the set with NIST's programs ("Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, doi:10.24432/C50P49): 32 x 32 bitmaps, cut into blocks of 4 x 4, the pixels that are on
counted in each. Those programs (Garris et al., "NIST Form-Based Handprint Recognition System", NISTIR 5469, 1994)
stretch a digit's box to 20 x 32 pixels whatever its shape, thin or thicken its strokes by how much ink there is, and
shear it until the left edges near its top and its bottom are in line.

The data agree: in the training split every digit fills the eight rows, 995 of 1,000 leave the first
column of blocks empty, and in 991 the left edges of the first and the last row are less than 3 pixels of 32 apart.
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from PIL import Image

Mask = Bool[NDArray[np.bool_], "height width"]
Bitmap = Bool[NDArray[np.bool_], "32 32"]

SIDE = 8  # a digit is SIDE x SIDE blocks
BLOCK = 4  # each block counts BLOCK x BLOCK pixels of ink, so 0 to 16
FULL = BLOCK * BLOCK
BITMAP = SIDE * BLOCK
STRETCHED = 20  # width that every digit is stretched to,
WIDENED = 2.5  # but a bare upright bar at most by this factor: stretched to a block it would no longer be a 1
THIN, HEAVY = (108, 256), (412, 560)  # pixels of ink: below each of THIN thicker by one, above each of HEAVY thinner
_EDGE = 2  # rows left out at top and bottom, where edges are ragged, before the shear is measured


def blocks_of(ink: Mask) -> Float[NDArray[np.float32], "8 8"]:
    """Return one digit as 8 x 8 counts of ink, 0 to 16; no ink gives zeros."""
    if not ink.any():
        return np.zeros((SIDE, SIDE), dtype=np.float32)
    bitmap = _upright(_weighted(_stretched(ink)))
    return bitmap.reshape(SIDE, BLOCK, SIDE, BLOCK).sum(axis=(1, 3), dtype=np.float32)


def _stretched(ink: Mask) -> Bitmap:
    """Stretch the ink's box to the full height and a width of 20, centred."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wide = min(STRETCHED, max(1, round(WIDENED * BITMAP * crop.shape[1] / crop.shape[0])))
    share = Image.fromarray(crop.astype(np.float32)).resize((wide, BITMAP), Image.Resampling.BOX)
    levels = np.asarray(share)
    bitmap = np.zeros((BITMAP, BITMAP), dtype=bool)
    left = (BITMAP - wide) // 2
    bitmap[:, left : left + wide] = levels >= min(0.5, float(levels.max()) / 2)
    return bitmap


def _weighted(bitmap: Bitmap) -> Bitmap:
    """Thicken strokes where there is little ink and thin them where there is much, by one pixel or two."""
    from scipy import ndimage

    count = int(bitmap.sum())
    thicker, thinner = sum(count < limit for limit in THIN), sum(count > limit for limit in HEAVY)
    if thicker:
        return ndimage.binary_dilation(bitmap, iterations=thicker)
    return ndimage.binary_erosion(bitmap, iterations=thinner) if thinner else bitmap


def _upright(bitmap: Bitmap) -> Bitmap:
    """Shear the digit until its left edges near the top and the bottom are vertically aligned."""
    rows = np.flatnonzero(bitmap.any(axis=1))
    top, bottom = rows[0] + _EDGE, rows[-1] - _EDGE
    if bottom <= top or not (bitmap[top].any() and bitmap[bottom].any()):
        return bitmap
    slope = (bitmap[top].argmax() - bitmap[bottom].argmax()) / (bottom - top)
    sheared = np.zeros_like(bitmap)
    for row in range(BITMAP):
        shift = round((row - BITMAP // 2) * slope)
        kept = np.flatnonzero(bitmap[row]) + shift
        sheared[row, kept[(kept >= 0) & (kept < BITMAP)]] = True
    return sheared
