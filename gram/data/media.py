"""Open pictures and recordings safely: their bytes, not their names, decide, and sizes are checked before decoding.

A file that cannot be used raises a `MediaError` of one line that says what is wrong and what to do.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from gram.errors import MediaError

Source = bytes | str | PathLike[str]
Waveform = Float[NDArray[np.float32], " samples"]

MAX_BYTES = 32 * 2**20
MAX_RATE = 384_000
MAX_CHANNELS = 8
MAX_PIXELS = 50_000_000

AUDIO_HINT = "give a WAV, FLAC, OGG or MP3 recording"
IMAGE_HINT = "give a PNG, JPEG, WebP, GIF, BMP or TIFF picture"

_UNKNOWN_FRAMES = 2**62  # libsndfile gives 2^63 - 1 for an unknown length
_STREAMED_BYTES = 0x7FFFF000  # a WAV file that was streamed says this size or more

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
    """Return whether bytes hold a picture or a recording, by their first bytes.

    Raises:
        MediaError: the bytes are empty, too many, or start like neither; a familiar format that cannot be
            read here (HEIC, M4A, PDF, ...) is named.
    """
    _check_size(len(data), MAX_BYTES)
    head = data[:16]
    if head.startswith(_IMAGE_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head.startswith(_AUDIO_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return "audio"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # frame sync of MPEG layer III
        return "audio"
    for mark, what in _KNOWN_OTHERS.items():
        if mark in head:
            raise MediaError(f"this is {what}")
    raise MediaError(f"this is neither a recording nor a picture: {AUDIO_HINT}, or {IMAGE_HINT[5:]}")


def read_bytes(source: Source, *, limit: int = MAX_BYTES) -> bytes:
    """Return a file's bytes, given as such or by its path; a file that is too large is not read.

    Raises:
        MediaError: no such file, one that cannot be read, empty, or of more than `limit` bytes.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        try:
            _check_size(path.stat().st_size, limit)
            source = path.read_bytes()
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise MediaError(f"cannot read {path}: {reason}; check the path") from error
    _check_size(len(source), limit)
    return source


def _check_size(size: int, limit: int) -> None:
    if size == 0:
        raise MediaError("this file is empty; choose another")
    if size > limit:
        raise MediaError(
            f"this file has {size / 2**20:.0f} MB and the limit is {limit // 2**20} MB; give a smaller one"
        )


@contextmanager
def open_recording(data: bytes) -> Iterator[tuple[soundfile.SoundFile, int]]:
    """Open a recording; yield it and its number of frames, as counted or as its header says. Nothing is decoded yet.

    Raises:
        MediaError: not a recording, or its decoding fails meanwhile; it is empty, of unknown length, has more than 8
            channels or a rate above 384 kHz.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as recording:
            frames = max(recording.frames, _promised_frames(data))
            _check_recording(recording.samplerate, recording.channels, frames)
            yield recording, frames
    except (soundfile.LibsndfileError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(_unreadable(data, "recording")) from error


def read_mono(recording: soundfile.SoundFile, *, frames: int = -1) -> Waveform:
    """Return a recording's samples at its own rate, the mean of its channels; full scale = 1.

    Args:
        recording: open, at its start.
        frames: most frames to read; -1 reads all.

    Raises:
        MediaError: samples that are not finite numbers.
    """
    rate = recording.samplerate
    blocks = recording.blocks(blocksize=rate, frames=frames, dtype="float32", always_2d=True)
    waveform = np.concatenate([np.zeros(0, np.float32), *(block.mean(axis=1) for block in blocks)])
    bad = np.flatnonzero(~np.isfinite(waveform))
    if len(bad):
        raise MediaError(f"this recording holds NaN or infinity, first at {bad[0] / rate:.3f} s; export it again")
    return waveform


def resample(waveform: Waveform, rate: int, wanted: int) -> Waveform:
    """Return a waveform resampled to another rate by a polyphase filter."""
    from scipy.signal import resample_poly  # slow to import

    divisor = np.gcd(rate, wanted)
    return resample_poly(waveform, wanted // divisor, rate // divisor).astype(np.float32)


def _check_recording(rate: int, channels: int, frames: int) -> None:
    if channels > MAX_CHANNELS:
        raise MediaError(f"this recording has {channels} channels and the limit is {MAX_CHANNELS}; mix it down")
    if rate > MAX_RATE:
        raise MediaError(f"this recording's rate is {rate} Hz and the limit is {MAX_RATE} Hz; resample it")
    if not frames:
        raise MediaError("this recording is empty: it has a header and no sound; record it again")
    if frames >= _UNKNOWN_FRAMES:
        raise MediaError("this recording does not say how long it is, as when it was streamed; save it as WAV")


def _promised_frames(data: bytes) -> int:
    """Return the number of frames in the header of a WAV file; 0 for other files, or where it says none."""
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


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
    """Open a picture and check its size; yield it. Nothing is decoded yet.

    Raises:
        MediaError: not a picture, or its decoding fails meanwhile; it has more than 50 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; sizes are checked here
            with Image.open(io.BytesIO(data), formats=_IMAGE_FORMATS) as picture:
                _check_pixels(*picture.size)
                yield picture
    except Image.DecompressionBombError as error:
        raise MediaError(f"this picture has too many pixels; the limit is {MAX_PIXELS // 10**6} million") from error
    except MediaError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise MediaError(_unreadable(data, "picture")) from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"this picture has {width} x {height} pixels, which is too many pixels; "
            f"the limit is {MAX_PIXELS // 10**6} million"
        )


def to_eight_bit(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 or 32 bits a pixel scaled to 8 bits; any other unchanged."""
    if not picture.mode.startswith(("I", "F")):  # Pillow would clip
        return picture
    levels = np.asarray(picture, dtype=np.float32)
    low, high = float(levels.min()), float(levels.max())
    return Image.fromarray((255 * (levels - low) / max(high - low, 1e-6)).astype(np.uint8))


def _unreadable(data: bytes, wanted: Literal["recording", "picture"]) -> str:
    """Return the message for bytes that are not the wanted kind; names what they are, where known."""
    hint = AUDIO_HINT if wanted == "recording" else IMAGE_HINT
    known = [what.split(";")[0] for mark, what in _KNOWN_OTHERS.items() if mark in data[:16]]
    if known:
        return f"this is {known[0]}, which cannot be read here: {hint}"
    try:
        found = "picture" if sniff(data) == "image" else "recording"
    except MediaError:
        found = wanted
    return f"this is {f'not a {wanted} that can be read' if found == wanted else f'a {found}, not a {wanted}'}: {hint}"
