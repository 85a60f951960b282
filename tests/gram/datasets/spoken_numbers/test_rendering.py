"""Pictures and sounds of a recipe: clips, silences, noise at its recorded strength."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gram.datasets.spoken_numbers import Corruption, draw_recipes, render_image, render_speech, render_tones
from gram.datasets.spoken_numbers.voices import load_voices

CLEAN = Corruption(drop=0.0, image_noise=(0.0, 0.0), speech_snr=(90.0, 90.0), tones_snr=(90.0, 90.0))


def clean_item(number: str) -> dict:
    return draw_recipes([number], "test", seed=3, corruption=CLEAN).iloc[0].to_dict()


def test_a_clean_picture_is_four_pictures_of_load_digits() -> None:
    item = clean_item("4721")
    digits = load_digits()
    picture = render_image(item)
    assert picture.shape == (8, 32)
    for position, row in enumerate(item["handwriting"]):
        assert digits.target[row] == int("4721"[position])
        np.testing.assert_array_equal(picture[:, 8 * position : 8 * position + 8], digits.images[row])


def test_an_occluded_digit_is_covered_and_noise_has_its_strength() -> None:
    item = clean_item("4721")
    covered = render_image({**item, "image_occluded": 2})
    assert (covered[:, 16:24] == 8).all()
    np.testing.assert_array_equal(covered[:, :16], render_image(item)[:, :16])
    noisy = render_image({**item, "image_occluded": 2, "image_noise": 2.0})[:, 16:24] - 8
    assert 1.4 < noisy.std() < 2.6


def test_speech_is_the_clips_with_silence_between() -> None:
    item = {**clean_item("4721"), "speech_tempo": 1.0}
    clips = [load_voices()[item["voice"]].clips[int(digit)][take] for digit, take in zip("4721", item["takes"])]
    sound = render_speech(item)
    expected = sum(len(clip) for clip in clips) + sum(round(gap * 8000) for gap in item["speech_gaps"])
    assert len(sound) == expected
    start = round(item["speech_gaps"][0] * 8000)
    assert np.corrcoef(sound[start : start + len(clips[0])], clips[0])[0, 1] > 0.999


def test_a_dropped_digit_leaves_its_time_silent() -> None:
    item = {**clean_item("4721"), "speech_tempo": 1.0, "speech_dropped": 0, "tones_dropped": 0}
    start, first = round(item["speech_gaps"][0] * 8000), item["takes"][0]
    clip = load_voices()[item["voice"]].clips[4][first]
    sound = render_speech(item)
    assert len(sound) == len(render_speech({**item, "speech_dropped": -1}))
    assert np.abs(sound[start : start + len(clip)]).max() < 1e-3
    start = round(item["tones_gaps"][0] * 8000)
    tone = render_tones(item)[start : start + round(item["tones_seconds"] * 8000)]
    assert np.abs(tone).max() < 1e-3


@pytest.mark.parametrize("render", [render_speech, render_tones])
def test_noise_is_at_the_recorded_level(render) -> None:
    item = clean_item("4721")
    quiet = render(item)
    loud = render({**item, "speech_snr": 6.0, "tones_snr": 6.0})
    gaps = item["speech_gaps" if render is render_speech else "tones_gaps"]
    silent = sum(round(gap * 8000) for gap in gaps)
    power = np.sum(quiet**2) / (len(quiet) - silent)
    measured = 10 * np.log10(power / np.mean((loud - quiet) ** 2))
    assert measured == pytest.approx(6.0, abs=0.5)
