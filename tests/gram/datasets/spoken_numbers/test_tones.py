import numpy as np
import pytest

from gram.datasets.spoken_numbers import tones
from gram.datasets.spoken_numbers.tones import SAMPLE_RATE, dial, key_frequencies, key_tone
from gram.errors import NumberError

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


# ITU-T Q.23 as its table is printed: rows of low, columns of high frequencies
TABLE = {"1": (697, 1209), "4": (770, 1209), "8": (852, 1336), "0": (941, 1336), "#": (941, 1477)}
PRESSES = [("4", 0.0, 0.1), ("0", 0.2, 0.12), ("8", 0.45, 0.11), ("1", 0.62, 0.08)]


def loudest_two(piece):
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 8000))
    low, high = spectrum[:1075].argmax(), 1075 + spectrum[1075:1700].argmax()
    return low, high


def test_each_key_sounds_its_two_frequencies_when_it_was_pressed():
    waveform = tones.dialled(PRESSES)
    starts = 0.04 + np.cumsum([0, 0.1 + 0.1, 0.12 + 0.13, 0.11 + 0.06])
    for (key, _, held), start in zip(PRESSES, starts):
        piece = waveform[round(start * 8000) : round((start + held) * 8000)]
        np.testing.assert_allclose(loudest_two(piece), TABLE[key], atol=6)
    assert len(waveform) == pytest.approx((starts[-1] + 0.08 + 0.04) * 8000, abs=4)


def test_the_order_is_that_of_the_times():
    assert np.array_equal(tones.dialled(PRESSES[::-1]), tones.dialled(PRESSES))


def test_hesitation_is_left_out_and_taps_are_drawn_out():
    slow = [("1", 0.0, 2.0), ("1", 9.0, 0.001), ("1", 9.002, 0.1), ("1", 20.0, 0.1)]
    seconds = len(tones.dialled(slow)) / 8000
    assert seconds == pytest.approx(0.04 + 0.16 + 0.16 + 0.06 + 0.04 + 0.1 + 0.16 + 0.1 + 0.04, abs=0.001)


def test_the_line_is_30_dB_under_the_tones():
    waveform = tones.dialled(PRESSES)
    hiss, tone = waveform[:300], waveform[400:1000]
    ratio = 10 * np.log10(np.mean(tone**2) / np.mean(hiss**2))
    assert ratio == pytest.approx(30, abs=1.5)


def test_the_keypad_is_the_table():
    keys = {key: (low, high) for row in tones.keypad() for key, low, high in row}
    assert len(keys) == 12
    assert [[key for key, _, _ in row] for row in tones.keypad()] == [list(row) for row in ("123", "456", "789", "*0#")]
    for key, frequencies in TABLE.items():
        assert keys[key] == frequencies


@pytest.mark.parametrize(
    ("presses", "line"),
    [
        (PRESSES[:3], "dialled with 4 digit keys"),
        ([("*", 0.0, 0.1), *PRESSES[1:]], "dialled with 4 digit keys"),
        ([("4", float("nan"), 0.1), *PRESSES[1:]], "not finite"),
    ],
)
def test_what_is_no_number_gets_one_line(presses, line):
    with pytest.raises(NumberError, match=line):
        tones.dialled(presses)
