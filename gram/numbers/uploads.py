"""Read an uploaded or named file into a model input: a recording as a waveform, a picture as four digits.

Everything is decided by what the bytes are, never by a file's name. A file that cannot be used raises one
`NumberError` line that says what is wrong and what to do.
"""

import io
import warnings
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.signal import resample_poly

from gram.errors import NumberError
from gram.numbers.tones import SAMPLE_RATE
from gram.numbers.upload_pictures import picture_of_number

Source = bytes | str | PathLike[str]


MAX_BYTES = 32 * 2**20
MAX_SECONDS = 30.0
MIN_SECONDS = 0.1
SILENCE = 1e-3  # peak below -60 dB of full scale
MAX_RATE = 384_000
MAX_CHANNELS = 8
MAX_PIXELS = 50_000_000
MIN_SIDE = 8
MAX_SIDE = 1200  # larger pictures are reduced to this side before anything looks at them

AUDIO_HINT = "give a WAV, FLAC, OGG or MP3 recording"
IMAGE_HINT = "give a PNG, JPEG, WebP, GIF, BMP or TIFF picture"

_UNKNOWN_FRAMES = 2**62  # libsndfile counts frames it cannot know as 2^63 - 1
_STREAMED_BYTES = 0x7FFFF000  # from here on, a WAV file's size means that it was streamed and not known

_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_AUDIO_STARTS = (b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"caff", b"RF64")
_KNOWN_OTHERS = {
    b"ftypheic": f"a HEIC photo; {IMAGE_HINT}",
    b"ftypavif": f"an AVIF picture; {IMAGE_HINT}",
    b"ftyp": f"an MP4 or M4A file; {AUDIO_HINT}",
    b"\x1aE\xdf\xa3": f"a WebM or Matroska file; {AUDIO_HINT}",
    b"%PDF": f"a PDF; {IMAGE_HINT}",
    b"PK\x03\x04": "a ZIP archive; unpack it and give one file",
}


def sniff(data: bytes) -> Literal["image", "audio"]:
    """Say whether bytes hold a picture or a recording, by their first bytes.

    Raises:
        NumberError: the bytes are empty, too many, or start like neither; a familiar format that cannot be
            read here (HEIC, M4A, PDF, ...) is named.
    """
    _check_size(len(data))
    head = data[:16]
    if head.startswith(_IMAGE_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head.startswith(_AUDIO_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return "audio"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # frame sync of MPEG layer III
        return "audio"
    for mark, what in _KNOWN_OTHERS.items():
        if mark in head:
            raise NumberError(f"this is {what}")
    raise NumberError(f"this is neither a recording nor a picture: {AUDIO_HINT}, or {IMAGE_HINT[5:]}")


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
    data = _bytes_of(source)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as recording:
            rate = recording.samplerate
            _check_layout(rate, recording.channels)
            _check_length(max(recording.frames, _promised_frames(data)), rate)
            blocks = recording.blocks(blocksize=rate, dtype="float32", always_2d=True)
            waveform = np.concatenate([np.zeros(0, np.float32), *(block.mean(axis=1) for block in blocks)])
    except (soundfile.LibsndfileError, ValueError) as error:
        if isinstance(error, NumberError):
            raise
        raise NumberError(_unreadable(data, "recording")) from error
    _check_samples(waveform, rate)
    if np.ptp(waveform) < 2 * SILENCE:  # a steady level is no sound either
        raise NumberError("no sound in it: the recording is silent (its peak is below -60 dB); record it again")
    divisor = np.gcd(rate, SAMPLE_RATE)
    return resample_poly(waveform, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)


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
    return picture_of_number(_gray(_bytes_of(source)))


def _bytes_of(source: Source) -> bytes:
    if not isinstance(source, bytes):
        path = Path(source)
        try:
            _check_size(path.stat().st_size)
            source = path.read_bytes()
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise NumberError(f"cannot read {path}: {reason}; check the path") from error
    _check_size(len(source))
    return source


def _check_size(size: int) -> None:
    if size == 0:
        raise NumberError("this file is empty; choose another")
    if size > MAX_BYTES:
        limit = MAX_BYTES // 2**20
        raise NumberError(f"this file has {size / 2**20:.0f} MB and the limit is {limit} MB; give a smaller one")


def _check_layout(rate: int, channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise NumberError(f"this recording has {channels} channels and the limit is {MAX_CHANNELS}; mix it down")
    if rate > MAX_RATE:
        raise NumberError(f"this recording's rate is {rate} Hz and the limit is {MAX_RATE} Hz; resample it")


def _check_length(frames: int, rate: int) -> None:
    if not frames:
        raise NumberError("this recording is empty: it has a header and no sound; record it again")
    if frames >= _UNKNOWN_FRAMES:
        raise NumberError("this recording does not say how long it is, as when it was streamed; save it as WAV")
    seconds = frames / rate
    if seconds > MAX_SECONDS:
        raise NumberError(
            f"this recording lasts {seconds:,.1f} s, longer than {MAX_SECONDS:.0f} s; cut it to the four digits"
        )
    if seconds < MIN_SECONDS:
        raise NumberError(f"this recording has {seconds:.3f} s and needs {MIN_SECONDS} s or more; record it again")


def _promised_frames(data: bytes) -> int:
    """Return how many frames the header of a WAV file promises, there or not; 0 where it is another or says none."""
    if not (data[:4] == b"RIFF" and data[8:12] == b"WAVE"):
        return 0
    at, width = 12, 0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"fmt ":
            width = int.from_bytes(data[at + 20 : at + 22], "little")  # bytes a frame, all channels
        if name == b"data":
            return size // width if width and size < _STREAMED_BYTES else 0
        at += 8 + size + size % 2
    return 0


def _check_samples(waveform: Float[NDArray[np.float32], " samples"], rate: int) -> None:
    bad = np.flatnonzero(~np.isfinite(waveform))
    if len(bad):
        raise NumberError(f"this recording holds NaN or infinity, first at {bad[0] / rate:.3f} s; export it again")


def _unreadable(data: bytes, wanted: Literal["recording", "picture"]) -> str:
    """Say what bytes are that are not what was wanted, where that is known."""
    hint = AUDIO_HINT if wanted == "recording" else IMAGE_HINT
    known = [what.split(";")[0] for mark, what in _KNOWN_OTHERS.items() if mark in data[:16]]
    if known:
        return f"this is {known[0]}, which cannot be read here: {hint}"
    try:
        found = "picture" if sniff(data) == "image" else "recording"
    except NumberError:
        found = wanted
    return (
        f"this is not a {wanted} that can be read: {hint}"
        if found == wanted
        else (f"this is a {found}, not a {wanted}: {hint}")
    )


def _gray(data: bytes) -> Float[NDArray[np.float32], "height width"]:
    """Decode a picture to gray levels, 0 (black) to 255 (white), at most MAX_SIDE a side, upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # metadata that Pillow frowns at; sizes are checked here
            with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as picture:
                _check_pixels(*picture.size)
                picture.draft("L", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at reduced size
                return _as_gray(picture)
    except Image.DecompressionBombError as error:
        raise NumberError(f"this picture has too many pixels; the limit is {MAX_PIXELS // 10**6} million") from error
    except NumberError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise NumberError(_unreadable(data, "picture")) from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise NumberError(
            f"this picture has {width} x {height} pixels, which is too many pixels; "
            f"the limit is {MAX_PIXELS // 10**6} million"
        )
    if min(width, height) < MIN_SIDE:
        raise NumberError(f"this picture is {width} x {height} pixels; digits need {MIN_SIDE} pixels or more a side")


def _as_gray(picture: Image.Image) -> Float[NDArray[np.float32], "height width"]:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel: Pillow would clip, not scale
        levels = np.asarray(upright, dtype=np.float32)
        low, high = float(levels.min()), float(levels.max())
        upright = Image.fromarray((255 * (levels - low) / max(high - low, 1e-6)).astype(np.uint8))
    if upright.has_transparency_data:  # ink on nothing: put it on paper
        layer = upright.convert("LA")
        paper = Image.new("LA", layer.size, (255, 255))
        upright = Image.alpha_composite(paper.convert("RGBA"), layer.convert("RGBA"))
    gray = upright.convert("L")
    if max(gray.size) > MAX_SIDE:
        gray.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return np.asarray(gray, dtype=np.float32)
