"""Raw inputs: the rate, the channels, the orientation and the background that encoders take."""

import numpy as np
import soundfile
from PIL import Image

from tests.helpers.direct_encoders import load


def test_recordings_at_another_rate_and_in_stereo_are_brought_to_the_models(made, tmp_path):
    encoder = load(made("audio_model", "wav2vec2", norm="layer"))
    seconds = np.arange(round(0.5 * 48000)) / 48000
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds)
    soundfile.write(tmp_path / "high.wav", np.stack([tone * 1.5, tone * 0.5], axis=1), 48000, subtype="FLOAT")
    heard = encoder.read("audio", tmp_path / "high.wav").waveform
    expected = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    assert len(heard) == 8000
    np.testing.assert_allclose(heard[200:-200], expected[200:-200], atol=2e-3)


def test_a_turned_transparent_picture_is_seen_upright_on_white(made, tmp_path):
    encoder = load(made("clip"))
    pixels = np.zeros((10, 20, 4), dtype=np.uint8)
    pixels[:, :10] = (255, 0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    seen = encoder.read("image", tmp_path / "a.png")
    assert (seen.mode, seen.size) == ("RGB", (10, 20))
    assert seen.getpixel((5, 2)) == (255, 0, 0)
    assert seen.getpixel((5, 17)) == (255, 255, 255)
