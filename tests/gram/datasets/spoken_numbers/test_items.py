import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.datasets import load_digits

from gram.datasets.spoken_numbers import Corruption, draw_recipes, numbers_of, render_image, render_speech, render_tones
from gram.datasets.spoken_numbers.handwriting import samples_of
from gram.datasets.spoken_numbers.voices import VOICES_DIR, load_voices, pack_voice, write_index
from gram.errors import NumberError

CLEAN = Corruption(drop=0.0, image_noise=(0.0, 0.0), speech_snr=(90.0, 90.0), tones_snr=(90.0, 90.0))


def clean_item(number: str) -> dict:
    return draw_recipes([number], "test", seed=3, corruption=CLEAN).iloc[0].to_dict()


def test_the_splits_share_no_number_no_handwriting_and_no_voice() -> None:
    splits = ("train", "validation", "test")
    numbers = [set(numbers_of(split)) for split in splits]
    assert [len(part) for part in numbers] == [6000, 2000, 2000]
    assert len(set.union(*numbers)) == 10_000
    for digit in range(10):
        rows = np.concatenate([samples_of(split)[digit] for split in splits])
        assert sorted(rows) == sorted(np.flatnonzero(load_digits().target == digit))
    voices = pd.Series({name: voice.split for name, voice in load_voices().items()}).value_counts()
    assert voices.sum() >= 24
    assert voices["test"] >= 4
    used = {split: set(draw_recipes(numbers_of(split)[:300], split, seed=0)["voice"]) for split in splits}
    assert not used["train"] & used["test"]
    assert not used["validation"] & (used["train"] | used["test"])


def test_every_voice_speaks_every_digit_its_own_way() -> None:
    first = [voice.clips[7][0] for voice in load_voices().values()]
    assert all(len(takes) >= 3 for voice in load_voices().values() for takes in voice.clips.values())
    assert len({clip.tobytes() for clip in first}) == len(first)
    assert all(0.1 < len(clip) / 8000 < 1.2 for clip in first)
    assert sum(path.stat().st_size for path in VOICES_DIR.iterdir()) <= 12e6


def test_the_same_seed_draws_the_same_items() -> None:
    first, again = (draw_recipes(["4721", "0000"], "test", seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    other = draw_recipes(["4721", "0000"], "test", seed=6)
    assert not first["seed"].equals(other["seed"])


def test_an_item_survives_the_table_file(tmp_path) -> None:
    recipes = draw_recipes(["4721"], "test", seed=5)
    recipes.to_parquet(tmp_path / "items.parquet")
    read = pd.read_parquet(tmp_path / "items.parquet").iloc[0].to_dict()
    for render in (render_image, render_speech, render_tones):
        np.testing.assert_array_equal(render(read), render(recipes.iloc[0].to_dict()))


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


def test_most_items_lose_a_digit_in_each_modality_and_strengths_are_recorded() -> None:
    recipes = draw_recipes(numbers_of("test"), "test", seed=2)
    for column in ("image_occluded", "speech_dropped", "tones_dropped"):
        assert (recipes[column] >= 0).mean() == pytest.approx(0.6, abs=0.04)
        assert set(recipes[column]) == {-1, 0, 1, 2, 3}
    assert recipes["speech_snr"].between(0, 20).all()
    assert recipes["speech_snr"].std() > 5


def test_an_unknown_split_or_voice_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="split must be one of"):
        numbers_of("tset")
    with pytest.raises(ValueError, match="split must be one of"):
        samples_of("tset")
    with pytest.raises(NumberError, match="voice 'nobody' is not among"):
        render_speech({**clean_item("4721"), "voice": "nobody"})
    with pytest.raises(NumberError, match="no voices here"):
        load_voices(tmp_path)


def test_packed_voices_come_back_as_they_were(tmp_path) -> None:
    rng = np.random.default_rng(0)
    clips = [(digit, rng.uniform(-0.5, 0.5, 400 + digit).astype(np.float32)) for digit in range(10)]
    edges = pack_voice(tmp_path, "ada", clips)
    write_index(tmp_path, {"ada": {"split": "train", "clips": edges}}, "made up", "none")
    voice = load_voices(tmp_path)["ada"]
    for digit, clip in clips:
        np.testing.assert_allclose(voice.clips[digit][0], clip, atol=1 / 32768)
    assert soundfile.info(tmp_path / "ada.flac").samplerate == 8000
