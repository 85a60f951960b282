"""Recipes: splits that share nothing, seeds that repeat, faults that are named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from gram.datasets.spoken_numbers import Corruption, draw_recipes, numbers_of, render_image, render_speech, render_tones
from gram.datasets.spoken_numbers.handwriting import samples_of
from gram.datasets.spoken_numbers.voices import Voice, load_voices
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
    with pytest.raises(NumberError, match="voice 'nobody' is not among"):
        render_speech({**clean_item("4721"), "voice": "nobody"})
    with pytest.raises(NumberError, match="no voices here"):
        load_voices(tmp_path)


def test_real_voices_speak_their_share_and_do_not_change_who_speaks_without_them():
    clips = {digit: [np.zeros(8, np.float32)] for digit in range(10)}
    real = [Voice(name, "train", clips) for name in ("one", "two")]
    numbers = numbers_of("train")[:600]
    with_real = draw_recipes(numbers, "train", seed=5, extra_voices=real, extra_share=0.4)
    assert with_real["voice"].isin(["one", "two"]).mean() == pytest.approx(0.4, abs=0.07)
    assert with_real["voice"].nunique() > 10
    plain = draw_recipes(numbers[:20], "train", seed=5)
    assert plain.equals(draw_recipes(numbers[:20], "train", seed=5, extra_share=0.4))
