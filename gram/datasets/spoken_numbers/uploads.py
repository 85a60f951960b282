"""Read an uploaded or named file into a model input: a recording as a waveform, a picture as four digits.

Everything is decided by what the bytes are, never by a file's name. A file that cannot be used raises one
`NumberError` line that says what is wrong and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gram.data import media as _media_files
from gram.data.media import MAX_BYTES as MAX_BYTES
from gram.data.media import Source as Source
from gram.data.media import open_picture, open_recording, read_bytes, read_mono, resample, to_eight_bit
from gram.datasets.spoken_numbers.tones import SAMPLE_RATE
from gram.datasets.spoken_numbers.upload_pictures import picture_of_number
from gram.errors import MediaError, NumberError

MAX_SECONDS = 30.0
MIN_SECONDS = 0.1
SILENCE = 1e-3  # peak below -60 dB of full scale
MIN_SIDE = 8
MAX_SIDE = 1200  # larger pictures are reduced to this side before anything looks at them


def sniff(data: bytes) -> Literal["image", "audio"]:
    """Return whether bytes hold a picture or a recording, by their first bytes.

    Raises:
        NumberError: the bytes are empty, too many, or start like neither; a familiar format that cannot be
            read here (HEIC, M4A, PDF, ...) is named.
    """
    with _number_errors():
        return _media_files.sniff(data)


def read_audio(source: Source) -> Float[NDArray[np.float32], " samples"]:
    """Return a recording as a mono waveform at 8 kHz, full scale = 1.

    Any sampling rate is brought to 8 kHz by a polyphase filter; several channels are averaged. The level is
    left as it was recorded.

    Args:
        source: the file's bytes, or its path. WAV, FLAC, OGG, MP3 and whatever else libsndfile reads.

    Raises:
        NumberError: no such file, too large, not a recording, empty, shorter than 0.1 s, longer than 30 s or
            said to be (refused before it is decoded) or of a length that it does not say, silent (peak below
            -60 dB), more than 8 channels, a rate above 384 kHz, or samples that are not finite numbers.
    """
    with _number_errors(), open_recording(read_bytes(source)) as (recording, frames):
        rate = recording.samplerate
        _check_length(frames / rate)
        waveform = read_mono(recording)
    if np.ptp(waveform) < 2 * SILENCE:  # a steady level is no sound either
        raise NumberError("no sound in it: the recording is silent (its peak is below -60 dB); record it again")
    return resample(waveform, rate, SAMPLE_RATE)


def read_image(source: Source) -> Float[NDArray[np.float32], "8 32"]:
    """Return a picture of a four-digit number as four 8 x 8 digits side by side, 0 (paper) to 16 (ink).

    A picture that already is such a strip (8 x 32 pixels, or the strip enlarged) is taken as it is. Any other
    is read: ink apart from paper, whichever is darker; four digits apart; each digit brought to the form of
    the UCI handwritten digits (a 32 x 32 bitmap, counted in 4 x 4 blocks).

    Args:
        source: the file's bytes, or its path. PNG, JPEG, WebP, GIF (first frame), BMP or TIFF.

    Raises:
        NumberError: no such file, too large (bytes or pixels), not a picture, smaller than 8 pixels a side,
            or no ink in it.

    Source: the form of the digits is that of Alpaydin and Kaynak, "Optical Recognition of Handwritten
        Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
    """
    with _number_errors(), open_picture(read_bytes(source)) as picture:
        _check_side(*picture.size)
        picture.draft("L", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at reduced size
        gray = _as_gray(picture)
    return picture_of_number(gray)


@contextmanager
def _number_errors() -> Iterator[None]:
    """Turn a `MediaError` into a `NumberError`."""
    try:
        yield
    except MediaError as error:
        raise NumberError(str(error)) from error


def _check_length(seconds: float) -> None:
    if seconds > MAX_SECONDS:
        raise MediaError(
            f"this recording lasts {seconds:,.1f} s, longer than {MAX_SECONDS:.0f} s; cut it to the four digits"
        )
    if seconds < MIN_SECONDS:
        raise MediaError(f"this recording has {seconds:.3f} s and needs {MIN_SECONDS} s or more; record it again")


def _check_side(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise MediaError(f"this picture is {width} x {height} pixels; digits need {MIN_SIDE} pixels or more a side")


def _as_gray(picture: Image.Image) -> Float[NDArray[np.float32], "height width"]:
    """Decode a picture to gray levels, 0 (black) to 255 (white), at most MAX_SIDE a side, upright."""
    upright = to_eight_bit(ImageOps.exif_transpose(picture))
    if upright.has_transparency_data:  # ink on nothing: put it on paper
        layer = upright.convert("LA")
        paper = Image.new("LA", layer.size, (255, 255))
        upright = Image.alpha_composite(paper.convert("RGBA"), layer.convert("RGBA"))
    gray = upright.convert("L")
    if max(gray.size) > MAX_SIDE:
        gray.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return np.asarray(gray, dtype=np.float32)
