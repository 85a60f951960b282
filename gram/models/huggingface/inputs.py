"""Raw inputs of encoders: texts, pictures, and recordings at the encoder's rate."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from gram.data.media import (
    Source,
    Waveform,
    open_picture,
    open_recording,
    read_bytes,
    read_mono,
    resample,
    to_eight_bit,
)
from gram.errors import MediaError

LARGEST = 256 * 2**20  # bytes of one media file
SHORTEST = 0.1  # seconds: below, an encoder of waveforms has no frame
_LARGEST_TEXT = 4 * 2**20


class Recording(NamedTuple):
    """A waveform at the encoder's rate; `cut` is true where the file was longer than the encoder's limit."""

    waveform: Waveform
    cut: bool


def read_text(source: bytes | Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        MediaError: no such file, empty, too large, or not UTF-8.
    """
    data = read_bytes(source, limit=_LARGEST_TEXT)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise MediaError(f"this text is not UTF-8 (at byte {error.start}); save it as UTF-8") from error
    if not text:
        raise MediaError("this text is empty; write something in it, or remove the file")
    return text


def read_picture(source: Source) -> Image.Image:
    """Return a picture upright and in RGB, on white where it is transparent.

    Raises:
        MediaError: see `open_picture`.
    """
    with open_picture(read_bytes(source, limit=LARGEST)) as picture:
        upright = to_eight_bit(ImageOps.exif_transpose(picture))
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
        return upright.convert("RGB")


def read_recording(source: Source, *, rate: int, longest: float) -> Recording:
    """Return a recording's first `longest` seconds, mono, at `rate`.

    Raises:
        MediaError: shorter than 0.1 s; see also `open_recording` and `read_mono`.
    """
    with open_recording(read_bytes(source, limit=LARGEST)) as (recording, frames):
        own = recording.samplerate
        if frames < SHORTEST * own:
            raise MediaError(f"this recording has {frames / own:.3f} s and needs {SHORTEST} s or more")
        limit = round(longest * own)
        waveform = read_mono(recording, frames=limit if frames > limit else -1)
    return Recording(resample(waveform, own, rate)[: round(longest * rate)], frames > limit)
