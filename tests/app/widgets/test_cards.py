import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from app.widgets import cards
from gram import EmbeddingSet
from gram.datasets import spoken_numbers as numbers

PLAIN = {
    "image_noise": 0.1,
    "image_occluded": -1,
    "speech_snr": 14.6,
    "speech_dropped": -1,
    "tones_snr": 3.2,
    "tones_dropped": -1,
}


def made_of(items, **info):
    vectors = np.random.default_rng(0).normal(size=(len(items), 8)).astype(np.float32)
    return EmbeddingSet(modalities={"text": vectors, "image": -vectors}, items=items, info=info)


@pytest.fixture(scope="module")
def built_in():
    chosen = numbers.numbers_of("test")[:6]
    return made_of(numbers.draw_recipes(chosen, "test", seed=3))


@pytest.fixture
def with_files(tmp_path):
    (tmp_path / "media").mkdir()
    Image.new("RGB", (5, 4), (200, 10, 10)).save(tmp_path / "media" / "a.png")
    soundfile.write(tmp_path / "media" / "a.wav", np.zeros(80), 8000)
    items = pd.DataFrame(
        {
            "id": ["a<b", "c"],
            "photo": ["media/a.png", "media/gone.png"],
            "clip": ["media/a.wav", None],
        }
    )
    made_of(items, media=["photo", "clip"]).save(tmp_path)
    return EmbeddingSet.load(tmp_path)


def decoded(uri):
    return base64.b64decode(uri.split(",", 1)[1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "picture: no noise; speech: voice 15 dB over the noise; tones: 3 dB over the noise"),
        ({"image_occluded": 2}, "picture: third digit covered, no noise"),
        ({"image_noise": 4.2, "image_occluded": 0}, "picture: first digit covered, strong noise"),
        ({"speech_dropped": 3, "speech_snr": 6.0}, "speech: last digit dropped, voice 6 dB over the noise"),
        ({"tones_snr": -5.0}, "tones: 5 dB under the noise"),
    ],
)
def test_corruption_in_plain_words(changes, sentence):
    assert sentence in cards.corruptions(PLAIN | changes)


def test_an_item_that_says_nothing_has_no_corruption():
    assert cards.corruptions({"id": "a"}) == ""


@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_is_one_pixel_a_value_and_ink_stands_out(dark):
    strip = np.zeros((8, 32), dtype=np.float32)
    strip[2:6, 3] = 16
    strip[4, 20] = 8
    levels = np.asarray(Image.open(io.BytesIO(decoded(cards.picture_uri(strip, dark=dark)))).convert("L"), dtype=float)
    assert levels.shape == (8, 32)
    paper, ink = levels[0, 0], levels[3, 3]
    assert (paper < 60) == dark
    assert abs(paper - ink) > 180
    assert levels[4, 20] == pytest.approx((paper + ink) / 2, abs=1)


def test_a_sound_is_a_wav_of_the_same_samples():
    waveform = np.sin(np.arange(4000) / 7).astype(np.float32) * 0.5
    samples, rate = soundfile.read(io.BytesIO(cards.sound_bytes(waveform)))
    assert rate == 8000
    np.testing.assert_allclose(samples, waveform, atol=2 / 2**15)


def test_a_built_in_item_shows_what_its_recipe_renders(built_in):
    markup = cards.card_html(built_in, 1, place="list", dark=False, caption="V < 0.1")
    item = built_in.items.iloc[1]
    picture = np.asarray(Image.open(io.BytesIO(decoded(re.search(r'src="([^"]+)"', markup)[1]))).convert("L"), float)
    rendered = numbers.render_image(item)
    assert np.corrcoef(picture.ravel(), rendered.ravel())[0, 1] < -0.999
    assert f'alt="Handwritten {item["label"]}' in markup
    assert f'aria-label="Play the speech of {item["id"]}"' in markup
    assert "V &lt; 0.1" in markup
    kind, content = cards.sound_of(built_in, 1, "tones")
    assert kind == "audio/wav"
    samples, _ = soundfile.read(io.BytesIO(content))
    np.testing.assert_allclose(samples, numbers.render_tones(item), atol=2 / 2**15)


def test_a_covered_digit_is_said_in_the_alternative_text(built_in):
    covered = next(row for row in range(6) if built_in.items["image_occluded"][row] >= 0)
    place = ["first", "second", "third", "last"][built_in.items["image_occluded"][covered]]
    assert f"{place} digit covered" in cards.picture_html(built_in, covered, dark=True)


def test_a_set_with_files_shows_those(with_files):
    markup = cards.card_html(with_files, 0, place="x", dark=False)
    assert Image.open(io.BytesIO(decoded(re.search(r'src="([^"]+)"', markup)[1]))).size == (5, 4)
    assert 'alt="photo of a&lt;b"' in markup
    assert "a<b" not in markup
    assert cards.sound_names(with_files, 0) == ("clip",)
    kind, content = cards.sound_of(with_files, 0, "clip")
    assert kind == "audio/wav"
    assert len(soundfile.read(io.BytesIO(content))[0]) == 80
    with pytest.raises(KeyError):
        cards.sound_of(with_files, 0, "photo")


def test_a_file_that_is_gone_leaves_an_empty_place(with_files):
    markup = cards.card_html(with_files, 1, place="x", dark=False)
    assert "<img" not in markup
    assert "listen" not in markup
    assert ">c</button>" in markup
