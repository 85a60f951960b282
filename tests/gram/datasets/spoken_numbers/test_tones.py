import numpy as np
import pytest

from gram.datasets.spoken_numbers.tones import SAMPLE_RATE, dial, key_frequencies, key_tone

# ITU-T Recommendation Q.23, table 1, typed in afresh: key -> (low, high) in hertz.
Q23 = {
    "1": (697, 1209), "2": (697, 1336), "3": (697, 1477),
    "4": (770, 1209), "5": (770, 1336), "6": (770, 1477),
    "7": (852, 1209), "8": (852, 1336), "9": (852, 1477),
    "*": (941, 1209), "0": (941, 1336), "#": (941, 1477),
}  # fmt: skip


@pytest.mark.parametrize("key", Q23)
def test_the_two_strongest_frequencies_are_those_of_the_standard(key: str) -> None:
    tone = key_tone(key, 1.0)
    spectrum = np.abs(np.fft.rfft(tone))
    strongest = np.sort(np.argsort(spectrum)[-2:])  # one bin is one hertz
    np.testing.assert_allclose(strongest, Q23[key], atol=1)
    assert key_frequencies(key) == Q23[key]


def test_a_tone_has_its_length_and_stays_within_one() -> None:
    tone = key_tone("5", 0.125)
    assert len(tone) == SAMPLE_RATE // 8
    assert np.abs(tone).max() <= 1
    assert abs(tone[0]) < 1e-6


def test_dialling_gives_one_tone_a_digit() -> None:
    tones = dial("4711", seconds=0.1)
    assert len(tones) == 4
    np.testing.assert_array_equal(tones[2], tones[3])
    assert not np.array_equal(tones[0], tones[1])


@pytest.mark.parametrize("key", ["", "A", "12"])
def test_a_key_not_on_the_keypad_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key must be one of"):
        key_tone(key, 0.1)


def test_a_tone_shorter_than_its_ramps_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds must be at least"):
        key_tone("1", 0.001)


def test_dialling_another_count_of_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="number must have 4 digits"):
        dial("123")
