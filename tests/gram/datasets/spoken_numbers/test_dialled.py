import numpy as np
import pytest

from gram.datasets.spoken_numbers import tones
from gram.errors import NumberError

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
