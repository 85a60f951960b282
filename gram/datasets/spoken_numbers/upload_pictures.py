"""A gray picture of a four-digit number as four 8 x 8 digits: threshold, segmentation, normalisation."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from gram.datasets.spoken_numbers.bitmaps import FULL, SIDE, Mask, blocks_of
from gram.datasets.spoken_numbers.wording import DIGITS
from gram.errors import NumberError

Gray = Float[NDArray[np.float32], "height width"]

CONTRAST = 20.0  # least difference of ink and paper, in gray levels of 255


def picture_of_number(gray: Gray) -> Float[NDArray[np.float32], "8 32"]:
    """Return the four digits in a gray picture (0 black to 255 white) as an (8, 32) strip, 0 to 16 of ink.

    Raises:
        NumberError: the picture has no ink.
    """
    strip = _as_strip(gray)
    if strip is not None:
        return strip
    ink = _ink(gray)
    return np.concatenate([blocks_of(digit) for digit in _four(_pieces(ink))], axis=1)


def _as_strip(gray: Gray) -> Float[NDArray[np.float32], "8 32"] | None:
    """Return the picture itself when it is an (8, 32) strip, enlarged or not; None for any other picture.

    An enlarged strip changes little when reduced to 8 x 32 and enlarged again; a drawing loses its edges.
    """
    height, width = gray.shape
    if abs(width - DIGITS * height) > height / SIDE:
        return None
    shape = (SIDE, DIGITS * SIDE)
    small = np.asarray(Image.fromarray(gray).resize(shape[::-1], Image.Resampling.BOX))
    if gray.shape != shape:
        again = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST))
        if np.square(again - gray).mean() > 0.1 * gray.var():
            return None
    if np.ptp(small) < CONTRAST and small.max() > FULL:
        return None
    if small.max() <= FULL:  # saved as the counts themselves
        return small.astype(np.float32)
    levels = small if small.mean() < 127.5 else 255 - small  # ink covers less than half of a strip
    return (levels * (FULL / 255)).astype(np.float32)


def _ink(gray: Gray) -> Mask:
    """Return the mask of ink, under uneven light, whichever of ink and paper is darker."""
    difference = gray - _paper(gray)
    threshold = _otsu(np.abs(difference))
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    dark = np.median(gray[np.abs(difference) > threshold]) < np.median(border) if threshold else True
    strength = np.maximum(-difference if dark else difference, 0)
    threshold = _otsu(strength)
    ink = strength > threshold
    if threshold <= 0 or strength[ink].mean() - strength[~ink].mean() < CONTRAST:
        raise NumberError("no digits found in this picture: write four digits, dark on light or light on dark")
    return _without_specks(ink)


def _paper(gray: Gray) -> Gray:
    """Return the paper's brightness, a quadratic surface fitted robustly."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in gray.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, columns, rows**2, rows * columns, columns**2], axis=-1).reshape(-1, 6)
    values = gray.reshape(-1).astype(np.float64)
    border = np.zeros(gray.shape, dtype=bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    level = np.median(values[border.reshape(-1)])
    surface = np.full_like(values, level)
    for _ in range(4):
        away = np.abs(values - surface)
        near = away <= max(float(np.quantile(away, 0.5)), 2.0) * 1.5
        fit, *_ = np.linalg.lstsq(terms[near], values[near], rcond=None)
        surface = terms @ fit
    return surface.reshape(gray.shape).astype(np.float32)


def _otsu(values: Float[NDArray[np.float32], "..."]) -> float:
    """Return the threshold with the largest variance between the two classes (Otsu)."""
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    between = np.where((below > 0) & (above > 0), below * above * apart**2, 0.0)
    return float(edges[int(between.argmax()) + 1]) if between.max() > 0 else 0.0


def _without_specks(ink: Mask) -> Mask:
    """Keep the connected components that are at least a sixth as large, across, as the largest."""
    from scipy import ndimage

    labels, _ = ndimage.label(ink, structure=np.ones((3, 3)))
    across = np.array([max(s.stop - s.start for s in box) for box in ndimage.find_objects(labels)])
    return np.isin(labels, 1 + np.flatnonzero(across >= across.max() / 6))


@dataclass(frozen=True)
class _Piece:
    """Connected ink of one digit or more, as a mask of the whole picture."""

    ink: Mask

    @property
    def left(self) -> int:
        return int(np.flatnonzero(self.ink.any(axis=0))[0])

    @property
    def right(self) -> int:
        return int(np.flatnonzero(self.ink.any(axis=0))[-1]) + 1

    @property
    def width(self) -> int:
        return self.right - self.left


def _pieces(ink: Mask) -> list[_Piece]:
    """Return connected ink from left to right, joined where one piece is over another (the bar of a 5)."""
    from scipy import ndimage

    labels, count = ndimage.label(ink, structure=np.ones((3, 3)))
    alone = sorted((_Piece(labels == label) for label in range(1, count + 1)), key=lambda piece: piece.left)
    joined = alone[:1]
    for piece in alone[1:]:
        last = joined[-1]
        shared = min(last.right, piece.right) - piece.left
        if 2 * shared > min(last.width, piece.width):
            joined[-1] = _Piece(last.ink | piece.ink)
        else:
            joined.append(piece)
    return joined


def _four(pieces: list[_Piece]) -> list[Mask]:
    """Return each digit's ink: pieces joined across the narrowest gaps, or the widest cut at thin places."""
    while len(pieces) > DIGITS:
        gaps = [after.left - before.right for before, after in pairwise(pieces)]
        at = int(np.argmin(gaps))
        pieces = [*pieces[:at], _Piece(pieces[at].ink | pieces[at + 1].ink), *pieces[at + 2 :]]
    shares = [1] * len(pieces)
    while sum(shares) < DIGITS:
        shares[int(np.argmax([piece.width / share for piece, share in zip(pieces, shares)]))] += 1
    return [part for piece, share in zip(pieces, shares) for part in _cut(piece, share)]


def _cut(piece: _Piece, parts: int) -> list[Mask]:
    """Cut ink into equal parts, each cut moved to the column with least ink within a quarter of a part."""
    step = piece.width / parts
    height_of_ink = piece.ink.sum(axis=0)
    edges = [piece.left]
    for cut in range(1, parts):
        middle = piece.left + cut * step
        near = np.arange(round(middle - step / 4), round(middle + step / 4) + 1)
        least = near[height_of_ink[near] == height_of_ink[near].min()]
        edges.append(int(least[np.abs(least - middle).argmin()]))
    edges.append(piece.right)
    columns = np.arange(piece.ink.shape[1])
    return [piece.ink & (columns >= left) & (columns < right) for left, right in pairwise(edges)]
