"""Uploaded files as model inputs: a recording as a waveform, a picture as four digits.

Formats are recognised by content, never by name. A file that cannot be used raises a one-line `NumberError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gram.data import media
from gram.data.media import MAX_BYTES as MAX_BYTES
from gram.data.media import Source as Source
from gram.datasets.spoken_numbers.tones import SAMPLE_RATE
from gram.datasets.spoken_numbers.upload_pictures import picture_of_number
from gram.errors import MediaError, NumberError

MAX_SECONDS = 30.0
MIN_SECONDS = 0.1
SILENCE = 1e-3  # peak below -60 dB of full scale
MIN_SIDE = 8
MAX_SIDE = 1200  # larger pictures are reduced to this side first


def sniff(data: bytes) -> Literal["image", "audio"]:
    """Return whether bytes hold a picture or a recording, by their first bytes.

    Raises:
        NumberError: the bytes are empty, too many, or of neither kind; a known unsupported format (HEIC, M4A, PDF, ...)
            is named.
    """
    with _number_errors():
        return media.sniff(data)


def read_audio(source: Source) -> Float[NDArray[np.float32], " samples"]:
    """Return a recording as a mono waveform at 8 kHz, full scale = 1.

    Other sampling rates are converted by a polyphase filter; channels are averaged; the level is kept.

    Args:
        source: the file's bytes, or its path. WAV, FLAC, OGG, MP3 and other formats of libsndfile.

    Raises:
        NumberError: no such file, too large, not a recording, empty, shorter than 0.1 s, longer than 30 s (refused
            before decoding), of unknown length, silent (peak below -60 dB), more than 8 channels, a rate above
            384 kHz, or samples that are not finite.
    """
    with _number_errors(), media.open_recording(media.read_bytes(source)) as (recording, frames):
        rate = recording.samplerate
        seconds = frames / rate
        if seconds > MAX_SECONDS:
            raise MediaError(
                f"this recording lasts {seconds:,.1f} s, longer than {MAX_SECONDS:.0f} s; cut it to the four digits"
            )
        if seconds < MIN_SECONDS:
            raise MediaError(f"this recording has {seconds:.3f} s and needs {MIN_SECONDS} s or more; record it again")
        waveform = media.read_mono(recording)
    if np.ptp(waveform) < 2 * SILENCE:  # a constant level is silence too
        raise NumberError("no sound in it: the recording is silent (its peak is below -60 dB); record it again")
    return media.resample(waveform, rate, SAMPLE_RATE)


def read_image(source: Source) -> Float[NDArray[np.float32], "8 32"]:
    """Return a picture of a four-digit number as four 8 x 8 digits side by side, 0 (paper) to 16 (ink).

    A picture that already is such a strip (8 x 32 pixels, or the strip enlarged) is taken as it is. In any other, ink
    is separated from paper, whichever is darker, and into four digits; each is normalised to the form of the UCI
    handwritten digits (a 32 x 32 bitmap, counted in 4 x 4 blocks).

    Args:
        source: the file's bytes, or its path. PNG, JPEG, WebP, GIF (first frame), BMP or TIFF.

    Raises:
        NumberError: no such file, too large (bytes or pixels), not a picture, smaller than 8 pixels a side,
            or no ink in it.

    Source: the form of the digits is that of Alpaydin and Kaynak, "Optical Recognition of Handwritten
        Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
    """
    with _number_errors(), media.open_picture(media.read_bytes(source)) as picture:
        if min(picture.size) < MIN_SIDE:
            size = f"{picture.width} x {picture.height}"
            raise MediaError(f"this picture is {size} pixels; digits need {MIN_SIDE} pixels or more a side")
        picture.draft("L", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at reduced size
        gray = _as_gray(picture)
    return picture_of_number(gray)


@contextmanager
def _number_errors() -> Iterator[None]:
    """Convert a `MediaError` to a `NumberError`."""
    try:
        yield
    except MediaError as error:
        raise NumberError(str(error)) from error


def _as_gray(picture: Image.Image) -> Float[NDArray[np.float32], "height width"]:
    """Decode a picture to gray levels, 0 (black) to 255 (white), at most MAX_SIDE a side, upright."""
    upright = media.to_eight_bit(ImageOps.exif_transpose(picture))
    if upright.has_transparency_data:  # transparent: white paper
        layer = upright.convert("LA")
        paper = Image.new("LA", layer.size, (255, 255))
        upright = Image.alpha_composite(paper.convert("RGBA"), layer.convert("RGBA"))
    gray = upright.convert("L")
    if max(gray.size) > MAX_SIDE:
        gray.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return np.asarray(gray, dtype=np.float32)
