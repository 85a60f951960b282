import struct

import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy import signal

from gram.datasets.spoken_numbers import uploads
from gram.errors import NumberError
from tests.helpers.upload_files import chord, encoded, gray, handwriting, sound


def test_transparency_orientation_and_sixteen_bits_are_respected():
    page = gray(handwriting(range(1520, 1524)))
    expected = uploads.read_image(encoded(page))
    ink_on_nothing = Image.merge("LA", (Image.new("L", page.size, 0), page.point(lambda v: 255 - v)))
    assert np.abs(uploads.read_image(encoded(ink_on_nothing)) - expected).mean() < 0.5
    turned = page.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # hold it a quarter turn clockwise
    assert np.abs(uploads.read_image(encoded(turned, exif=exif)) - expected).mean() < 0.5
    deep = Image.fromarray(np.asarray(page, dtype=np.uint16) * 256)
    assert np.abs(uploads.read_image(encoded(deep)) - expected).mean() < 0.5


def test_a_large_photo_is_reduced_first():
    page = gray(handwriting(range(1540, 1544)))
    large = page.resize((3840, 1080), Image.Resampling.BICUBIC)
    expected = uploads.read_image(encoded(page))
    assert np.abs(uploads.read_image(encoded(large, "JPEG")) - expected).mean() < 1.0


def png_claiming(width, height):
    """Write a PNG whose header promises a size that its few bytes do not hold."""
    import zlib

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) & 0xFFFFFFFF)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(9000, 9000), (40000, 40000)])
def test_a_decompression_bomb_is_refused(width, height):
    with pytest.raises(NumberError, match="too many pixels; the limit is 50 million"):
        uploads.read_image(png_claiming(width, height))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file is empty"),
        (sound(chord(8000), 8000), "this is a recording, not a picture: give a PNG"),
        (b"%PDF-1.7", "this is a PDF, which cannot be read here: give a PNG"),
        (b"not a picture at all", "not a picture that can be read: give a PNG, JPEG"),
        (encoded(Image.new("L", (300, 80), 255))[:60], "not a picture that can be read"),
        (encoded(Image.new("L", (300, 80), 255)), "no digits found .* dark on light or light on dark"),
        (encoded(Image.new("L", (300, 5), 255)), "300 x 5 pixels; digits need 8 pixels"),
        (b"\0" * (32 * 2**20 + 1), "32 MB and the limit is 32 MB"),
    ],
)
def test_pictures_that_cannot_be_used(data, message):
    with pytest.raises(NumberError, match=message):
        uploads.read_image(data)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_stereo_at_44_kHz_becomes_mono_at_8_kHz(kind, tmp_path):
    stereo = np.stack([chord(44100), 0.5 * chord(44100)], axis=1)
    data = sound(stereo, 44100, kind)
    path = tmp_path / "clip"
    path.write_bytes(data)
    waveform = uploads.read_audio(data)
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert len(waveform) / uploads.SAMPLE_RATE == pytest.approx(1.5, abs=0.08 if kind == "MP3" else 0.001)
    assert np.array_equal(uploads.read_audio(path), waveform)
    frequency, power = signal.periodogram(waveform[1000:9000], 8000)
    assert set(frequency[np.argsort(power)[-2:]]) == {697, 1336}
    middle = waveform[2000:10000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.75 * np.sqrt((0.3**2 + 0.2**2) / 2), rel=0.02)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000, 96000])
def test_any_rate_gives_the_same_sound(rate):
    waveform = uploads.read_audio(sound(chord(rate), rate, subtype="FLOAT"))
    expected = chord(8000)
    assert abs(len(waveform) - len(expected)) <= 1
    inner = slice(200, 11800)
    np.testing.assert_allclose(waveform[inner], expected[inner], atol=2e-3)


def test_what_is_above_4_kHz_does_not_fold_back():
    time = np.arange(44100) / 44100
    high = 0.5 * np.sin(2 * np.pi * 6000 * time) + 0.1 * np.sin(2 * np.pi * 500 * time)
    frequency, power = signal.welch(uploads.read_audio(sound(high, 44100)), 8000, nperseg=2000)
    folded = power[np.argmin(np.abs(frequency - 2000))]
    assert folded < 1e-4 * power.max()


def test_a_recording_at_8_kHz_is_left_as_it_is():
    samples = chord(8000).astype(np.float32)
    assert np.array_equal(uploads.read_audio(sound(samples, 8000, subtype="FLOAT")), samples)


def with_bad_sample(value):
    samples = chord(8000)
    samples[4000] = value
    return sound(samples, 8000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file is empty"),
        (b"plain words", "not a recording that can be read: give a WAV"),
        (sound(chord(8000), 8000)[:20], "not a recording that can be read"),
        (sound(np.zeros(0), 8000), "recording is empty"),
        (sound(np.zeros(8000), 8000), "no sound in it: the recording is silent"),
        (sound(chord(8000, 0.05), 8000), "0.050 s and needs 0.1 s"),
        (sound(chord(8000, 30.5), 8000), "longer than 30 s; cut it"),
        (with_bad_sample(np.nan), "NaN or infinity, first at 0.500 s"),
        (with_bad_sample(np.inf), "NaN or infinity, first at 0.500 s"),
        (sound(np.full(8000, 0.5), 8000, subtype="FLOAT"), "no sound in it"),  # a steady level
        (sound(chord(8000), 8000).replace(b"RIFF", b"RIFX"), "not a recording that can be read"),
        (encoded(Image.new("L", (300, 80), 255)), "this is a picture, not a recording: give a WAV"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "an MP4 or M4A file, which cannot be read here: give a WAV"),
        (sound(np.zeros((800, 12)), 8000), "12 channels and the limit is 8"),
        (sound(np.ones(800), 500_000), "500000 Hz and the limit is 384000 Hz"),
    ],
)
def test_recordings_that_cannot_be_used(data, message):
    with pytest.raises(NumberError, match=message):
        uploads.read_audio(data)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "rate"), [("WAV", 8000), ("WAV", 44100), ("FLAC", 22050), ("OGG", 48000), ("MP3", 8000), ("MP3", 44100)]
)
def test_thirty_seconds_are_taken(kind, rate, channels):
    samples = np.stack([chord(rate, 30)] * channels, axis=1)
    waveform = uploads.read_audio(sound(samples, rate, kind))
    assert len(waveform) == pytest.approx(240_000, abs=2)
    assert np.sqrt(np.mean(waveform**2)) == pytest.approx(np.sqrt((0.3**2 + 0.2**2) / 2), rel=0.1)


def with_wav_size(data, size):
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


def with_flac_frames(data, frames):
    """Write another number of frames into the last 36 bits of the eight bytes from 18 on (RFC 9639, section 8.2)."""
    head = int.from_bytes(data[18:26], "big") >> 36 << 36
    return data[:18] + (head | frames).to_bytes(8, "big") + data[26:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (sound(0.1 * np.ones(8000 * 3600), 8000, "FLAC"), r"lasts 3,600\.0 s, longer than 30 s; cut it"),
        (sound(chord(8000, 60), 8000, "MP3"), r"lasts 60\.0 s, longer than 30 s"),
        (with_wav_size(sound(chord(8000), 8000), 2 * 8000 * 3 * 3600), r"lasts 10,800\.0 s, longer than 30 s"),
        (with_flac_frames(sound(chord(8000), 8000, "FLAC"), 8000 * 3 * 3600), r"lasts 10,800\.0 s"),
        (with_flac_frames(sound(chord(8000), 8000, "FLAC"), 0), r"does not say how long it is, .* save it as WAV"),
    ],
)
def test_a_long_recording_is_refused_before_it_is_decoded(data, message, monkeypatch):
    def decode(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(soundfile.SoundFile, "read", decode)
    monkeypatch.setattr(soundfile.SoundFile, "blocks", decode)
    with pytest.raises(NumberError, match=message):
        uploads.read_audio(data)


def test_a_streamed_wav_is_as_long_as_what_it_holds():
    data = sound(chord(8000), 8000, subtype="FLOAT")
    assert np.array_equal(uploads.read_audio(with_wav_size(data, 0xFFFFFFFF)), uploads.read_audio(data))


@pytest.mark.parametrize("read", [uploads.read_audio, uploads.read_image])
def test_a_path_that_is_not_there(read, tmp_path):
    with pytest.raises(NumberError, match=r"cannot read .*nothing\.wav: no such file"):
        read(tmp_path / "nothing.wav")
    with pytest.raises(NumberError, match=r"cannot read .*: Is a directory"):
        read(str(tmp_path))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_pictures_are_told_by_content(kind):
    data = encoded(gray(handwriting(range(1500, 1504))), kind)
    assert uploads.sniff(data) == "image"
    assert uploads.read_image(data).shape == (8, 32)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_recordings_are_told_by_content(kind):
    data = sound(chord(44100), 44100, kind)
    assert uploads.sniff(data) == "audio"
    assert len(uploads.read_audio(data)) > 8000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file is empty"),
        (b"four seven two one", "neither a recording nor a picture: give a WAV, .* or a PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photo; give a PNG"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "an MP4 or M4A file; give a WAV"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "a WebM or Matroska file"),
        (b"%PDF-1.7", "a PDF; give a PNG"),
        (b"PK\x03\x04\0\0\0\0", "a ZIP archive"),
    ],
)
def test_what_is_neither_is_named(data, message):
    with pytest.raises(NumberError, match=message):
        uploads.sniff(data)
