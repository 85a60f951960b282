"""Pictures and recordings: told apart by their bytes, refused before they are decoded."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from gram.data import media
from gram.errors import MediaError


def png(size=(4, 3), mode="L"):
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG")
    return out.getvalue()


def wav(samples, rate=8000, kind="WAV", subtype=None):
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


def test_pictures_and_recordings_are_told_apart():
    assert media.sniff(png()) == "image"
    for kind in ("WAV", "FLAC", "OGG", "AIFF"):
        assert media.sniff(wav(np.zeros(100), kind=kind)) == "audio"
    assert media.sniff(b"\xff\xfb" + bytes(20)) == "audio"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this file is empty"),
        (b"hello, world", "neither a recording nor a picture"),
        (b"%PDF-1.7 and so on", "this is a PDF"),
        (b"PK\x03\x04 and so on", "this is a ZIP archive; unpack it"),
        (b"\0\0\0\x18ftypheic", "this is a HEIC photo"),
        (b"\0\0\0\x18ftypM4A ", "this is an MP4 or M4A file"),
    ],
)
def test_other_bytes_are_named(data, message):
    with pytest.raises(MediaError, match=message):
        media.sniff(data)


def test_bytes_come_from_a_path_or_as_they_are(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert media.read_bytes(tmp_path / "file") == media.read_bytes(b"abc") == b"abc"
    with pytest.raises(MediaError, match="the limit is 1 MB"):
        media.read_bytes(bytes(2**20 + 1), limit=2**20)
    with pytest.raises(MediaError, match="no such file; check the path"):
        media.read_bytes(tmp_path / "nowhere")


def test_a_recording_is_the_mean_of_its_channels():
    stereo = np.stack([np.linspace(-0.5, 0.5, 400), np.zeros(400)], axis=1)
    with media.open_recording(wav(stereo, subtype="FLOAT")) as (recording, frames):
        assert frames == 400
        np.testing.assert_allclose(media.read_mono(recording), stereo.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(np.zeros(0)), "a header and no sound"),
        (wav(np.zeros((10, 9))), "has 9 channels and the limit is 8"),
        (wav(np.zeros(10), rate=400_000), "rate is 400000 Hz"),
        (png(), "this is a picture, not a recording"),
        (b"RIFF1234WAVE" + bytes(30), "not a recording that can be read"),
    ],
)
def test_recordings_that_cannot_be_used(data, message):
    with pytest.raises(MediaError, match=message), media.open_recording(data) as (recording, _):
        media.read_mono(recording)


def test_samples_that_are_no_numbers_are_refused():
    samples = np.zeros(100)
    samples[40] = np.nan
    with (
        media.open_recording(wav(samples, subtype="FLOAT")) as (recording, _),
        pytest.raises(MediaError, match=r"NaN or infinity, first at 0\.005 s"),
    ):
        media.read_mono(recording)


def test_a_header_that_promises_more_than_there_is_counts():
    data = bytearray(wav(np.zeros(100), subtype="PCM_16"))
    data[40:44] = (2_000_000).to_bytes(4, "little")
    with media.open_recording(bytes(data)) as (_, frames):
        assert frames == 1_000_000


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000).astype(np.float32)
    there = media.resample(tone, 8000, 16000)
    expected = np.sin(2 * np.pi * 100 * np.arange(16000) / 16000)
    assert there.dtype == np.float32
    np.testing.assert_allclose(there[1000:-1000], expected[1000:-1000], atol=0.01)


def test_a_picture_is_opened_and_a_bomb_is_not(monkeypatch):
    with media.open_picture(png((7, 5))) as picture:
        assert picture.size == (7, 5)
    monkeypatch.setattr(media, "MAX_PIXELS", 20)
    with pytest.raises(MediaError, match="7 x 5 pixels, which is too many"), media.open_picture(png((7, 5))):
        pass
    with pytest.raises(MediaError, match="this is a recording, not a picture"), media.open_picture(wav(np.zeros(9))):
        pass


def test_deep_pictures_are_scaled_to_eight_bits():
    deep = Image.fromarray(np.array([[0, 30_000], [60_000, 15_000]], dtype=np.uint16))
    assert np.asarray(media.to_eight_bit(deep)).tolist() == [[0, 127], [255, 63]]
    flat = Image.new("L", (2, 2), 7)
    assert media.to_eight_bit(flat) is flat
