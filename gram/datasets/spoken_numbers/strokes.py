"""Digits drawn with a pen: strokes to the four 8 x 8 pictures that the image encoder was trained on.

A stroke is a polyline, its points (x, y) measured from the top left of its box in heights of the box.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gram.datasets.spoken_numbers.bitmaps import Mask, blocks_of
from gram.datasets.spoken_numbers.wording import DIGITS
from gram.errors import NumberError

PEN = 0.13  # width of the pen, as a share of the digit's height or width, whichever is more
MOST_POINTS = 20_000  # of a drawn number
_PIXELS = 160  # the longer side of a drawn digit, before it is normalised
_LEAST = 0.04  # of the box: smaller strokes are a dot, not a digit

Stroke = Sequence[Sequence[float]]
Points = Float[NDArray[np.float64], "points 2"]


def picture_of_strokes(boxes: Sequence[Sequence[Stroke]]) -> Float[NDArray[np.float32], "8 32"]:
    """Return four drawn digits as an (8, 32) strip, 0 (paper) to 16 (ink), in the form of the UCI digits.

    Each digit is drawn with a pen of 0.13 of its size and then normalised like the training pictures
    (`gram.datasets.spoken_numbers.bitmaps`). With that pen the digits 0 to 9 have a mean ink of 0.31; the
    training handwriting has 0.305. Position and size within a box do not matter.

    Args:
        boxes: four boxes, left to right; each holds strokes, and each stroke points (x, y) from 0 to 1,
            in one unit across and down.

    Raises:
        NumberError: not four boxes, a box without a digit, points that are not pairs of finite numbers, or more
            than 20,000 points.
    """
    if len(boxes) != DIGITS:
        raise NumberError(f"a drawn number has {DIGITS} boxes; got {len(boxes)}")
    if sum(len(stroke) for strokes in boxes for stroke in strokes) > MOST_POINTS:
        raise NumberError(f"this drawing has more than {MOST_POINTS:,} points; clear it and draw simpler strokes")
    drawn = [[_points(stroke) for stroke in strokes if len(stroke)] for strokes in boxes]
    if empty := [box for box, strokes in enumerate(drawn, start=1) if not _holds_a_digit(strokes)]:
        raise NumberError(_ask_for(empty))
    return np.concatenate([blocks_of(_inked(strokes)) for strokes in drawn], axis=1)


def _points(stroke: Stroke) -> Points:
    try:
        points = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise NumberError("a stroke is a list of points (x, y); draw the digit again")
    return np.clip(points, 0.0, 1.0)


def _holds_a_digit(strokes: Sequence[Points]) -> bool:
    return bool(strokes) and float(np.ptp(np.concatenate(strokes), axis=0).max()) >= _LEAST


def _ask_for(empty: Sequence[int]) -> str:
    if len(empty) == DIGITS:
        return f"the boxes are empty: draw {DIGITS} digits, one in each"
    if len(empty) == 1:
        return f"box {empty[0]} is empty: draw a digit in it"
    return f"boxes {', '.join(map(str, empty[:-1]))} and {empty[-1]} are empty: draw a digit in each"


def _inked(strokes: Sequence[Points]) -> Mask:
    """Draw strokes with a round pen, the longer side of their box _PIXELS long."""
    every = np.concatenate(strokes)
    corner, size = every.min(axis=0), float(np.ptp(every, axis=0).max())
    width = PEN * _PIXELS
    side = round(_PIXELS + 2 * width)
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for stroke in strokes:
        places = [(float(x), float(y)) for x, y in (stroke - corner) / size * _PIXELS + width]
        pen.line(places, fill=1, width=round(width), joint="curve")
        for x, y in places:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=1)
    return np.asarray(canvas) > 0
