import io
import struct

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw
from scipy import signal
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from gram.datasets.spoken_numbers import uploads
from gram.errors import NumberError

DIGITS = load_digits()
HELD_OUT = 1400  # the first samples teach the judge; strips are made of the others


@pytest.fixture(scope="module")
def judge():
    return SVC(gamma=0.001, C=10).fit(DIGITS.data[:HELD_OUT], DIGITS.target[:HELD_OUT])


def strip_of(*samples):
    return np.concatenate([DIGITS.images[sample] for sample in samples], axis=1).astype(np.float32)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gray(array):
    return Image.fromarray(np.clip(np.round(array), 0, 255).astype(np.uint8))


def sound(samples, rate, kind="WAV", subtype=None):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def chord(rate, seconds=1.5):
    time = np.arange(int(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * 697 * time) + 0.2 * np.sin(2 * np.pi * 1336 * time)


def handwriting(samples, *, gap=20, height=90, paper=235.0, ink=40.0):
    """Write held-out digits on a page, smoothly enlarged, at uneven heights; gap < 0 makes them overlap."""
    page = np.zeros((180, 640))
    at = 50
    for place, sample in enumerate(samples):
        side = height - 6 * (place % 3)
        large = Image.fromarray(DIGITS.images[sample].astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        top = 30 + 9 * (place % 2)
        page[top : top + side, at : at + side] = np.maximum(
            page[top : top + side, at : at + side], np.clip(large, 0, 16)
        )
        at += side + gap - side // 4
    return paper + (ink - paper) * page / 16


# pictures


@pytest.mark.parametrize("scale", [1, 2, 5, 12])
@pytest.mark.parametrize("dark_ink", [True, False])
def test_an_enlarged_strip_comes_back(scale, dark_ink):
    strip = strip_of(1500, 1501, 1502, 1503)
    levels = strip * 255 / 16
    levels = 255 - levels if dark_ink else levels
    picture = gray(np.kron(levels, np.ones((scale, scale))))
    back = uploads.read_image(encoded(picture))
    assert back.shape == (8, 32)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, strip, atol=0.04)  # half of one gray level of 255


def test_a_strip_survives_jpeg_and_a_size_that_is_no_multiple():
    strip = strip_of(1600, 1601, 1602, 1603)
    picture = gray(strip * 255 / 16).resize((330, 83), Image.Resampling.NEAREST)
    back = uploads.read_image(encoded(picture, "JPEG", quality=92))
    assert np.abs(back - strip).mean() < 0.6


def test_a_strip_saved_as_counts_passes_through():
    strip = strip_of(1700, 1701, 1702, 1703)
    assert np.array_equal(uploads.read_image(encoded(gray(strip))), strip)


@pytest.mark.parametrize("gap", [24, -12], ids=["apart", "touching"])
@pytest.mark.parametrize("dark_ink", [True, False])
def test_handwriting_on_a_page_is_read(judge, gap, dark_ink):
    right = 0
    for start in range(HELD_OUT, HELD_OUT + 80, 4):
        samples = range(start, start + 4)
        page = handwriting(samples, gap=gap)
        strip = uploads.read_image(encoded(gray(page if dark_ink else 255 - page)))
        assert strip.min() >= 0
        assert strip.max() <= 16
        digits = np.stack([strip[:, 8 * place : 8 * place + 8].reshape(-1) for place in range(4)])
        right += (judge.predict(digits) == DIGITS.target[list(samples)]).sum()
    assert right >= 0.85 * 80  # the judge itself has 0.97 on the samples as they are


def test_uneven_light_and_camera_noise_change_little():
    page = handwriting(range(1500, 1504), ink=110)
    across = np.linspace(1.0, 0.4, page.shape[1])  # the paper at one end is darker than the ink at the other
    noisy = page * across + np.random.default_rng(0).normal(0, 3, page.shape)
    plain, photo = (uploads.read_image(encoded(gray(image))) for image in (page, noisy))
    assert np.abs(plain - photo).mean() < 1.0


def test_digits_keep_their_order_and_four_strokes_their_places():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((30, 20, 90, 100), fill=0)  # a block
    for left in (150, 240, 330):
        draw.rectangle((left, 20, left + 10, 100), fill=0)  # three bars
    strip = uploads.read_image(encoded(image))
    ink = [strip[:, 8 * place : 8 * place + 8].sum() for place in range(4)]
    assert ink[0] > 1.2 * max(ink[1:])
    assert min(ink[1:]) > 200


def test_a_broken_digit_is_one_digit():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    for left in (20, 120, 220, 320):
        draw.rectangle((left, 20, left + 50, 100), outline=0, width=9)
    whole = uploads.read_image(encoded(image))
    draw.rectangle((220, 55, 272, 60), fill=255)  # a gap through the third
    draw.rectangle((40, 15, 42, 105), fill=255)  # and down through the first
    broken = uploads.read_image(encoded(image))
    assert np.abs(whole - broken)[:, 8:16].max() == 0
    assert np.abs(whole - broken)[:, 24:].max() == 0
    assert np.abs(whole - broken).mean() < 3


def test_a_digit_in_two_parts_counts_once_even_where_others_touch():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 15, 70, 25), fill=0)  # the bar of a five,
    draw.rectangle((20, 40, 70, 100), outline=0, width=9)  # apart from its body
    for left in (120, 220, 271):  # the last two touch
        draw.rectangle((left, 15, left + 50, 100), outline=0, width=9)
    strip = uploads.read_image(encoded(image))
    first, *others = (strip[:, 8 * place : 8 * place + 8] for place in range(4))
    assert first[0].sum() > 0
    assert first[2].sum() < first[0].sum()  # the gap under the bar
    for other in others[1:]:
        assert np.abs(other - others[0]).mean() < 4  # strokes that touch are cut within a column or two


def test_a_page_four_times_as_wide_as_high_is_no_strip():
    page = handwriting(range(1500, 1504))
    cut = page[10:170]
    assert cut.shape[1] == 4 * cut.shape[0]
    whole, part = uploads.read_image(encoded(gray(page))), uploads.read_image(encoded(gray(cut)))
    assert np.abs(whole - part).mean() < 0.5


def test_specks_are_left_out():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    for left in (40, 130, 220, 310):
        draw.ellipse((left, 20, left + 50, 100), outline=0, width=9)
    clean = uploads.read_image(encoded(image))
    draw.rectangle((8, 60, 11, 63), fill=0)
    draw.rectangle((390, 10, 393, 13), fill=0)
    assert np.array_equal(uploads.read_image(encoded(image)), clean)


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


def test_an_even_gray_noise_holds_no_digits():
    noise = np.random.default_rng(1).normal(128, 4, (100, 300))
    with pytest.raises(NumberError, match="no digits found"):
        uploads.read_image(encoded(gray(noise)))


# recordings


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


# which of the two


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
