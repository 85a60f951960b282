"""Dialled numbers: dual-tone multi-frequency signalling (ITU-T Recommendation Q.23)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from gram.datasets.spoken_numbers.wording import DIGITS
from gram.errors import NumberError

SAMPLE_RATE = 8000

# Q.23, table 1: each key sounds one low and one high frequency, in hertz.
LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0)
KEYPAD = ("123", "456", "789", "*0#")
PRESS_SECONDS = (0.06, 0.16)  # duration of a key of the built-in data,
PAUSE_SECONDS = (0.04, 0.16)  # and of the pause between two
LINE_NOISE = 30.0  # signal-to-noise ratio of a dialled number, in decibels
_RAMP_SECONDS = 0.004


def key_frequencies(key: str) -> tuple[float, float]:
    """Return the low and high frequency of one telephone key, in hertz (ITU-T Q.23, table 1).

    Raises:
        ValueError: if `key` is not one of 0-9, * and #.
    """
    for row, keys in enumerate(KEYPAD):
        if len(key) == 1 and key in keys:
            return LOW_HZ[row], HIGH_HZ[keys.index(key)]
    raise ValueError(f"key must be one of 0-9, * and #; got {key!r}")


def key_tone(key: str, seconds: float) -> Float[np.ndarray, " samples"]:
    """Return one key's tone, 0.5 (sin 2 pi f_low t + sin 2 pi f_high t), at 8 kHz with 4 ms ramps.

    Raises:
        ValueError: if `key` is not on the keypad or `seconds` is shorter than the two ramps.
    """
    if seconds < 2 * _RAMP_SECONDS:
        raise ValueError(f"seconds must be at least {2 * _RAMP_SECONDS}; got {seconds}")
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    low, high = key_frequencies(key)
    tone = 0.5 * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time))
    ramp = np.minimum(1.0, np.minimum(time, time[::-1]) / _RAMP_SECONDS)
    return (tone * ramp).astype(np.float32)


def dial(number: str, *, seconds: float = 0.1) -> list[Float[np.ndarray, " samples"]]:
    """Return a number's four tones, `seconds` each, without the gaps between them."""
    if len(number) != DIGITS:
        raise ValueError(f"number must have {DIGITS} digits; got {number!r}")
    return [key_tone(key, seconds) for key in number]


def keypad() -> tuple[tuple[tuple[str, float, float], ...], ...]:
    """Return the twelve keys row by row, each with its low and its high frequency in hertz."""
    return tuple(tuple((key, *key_frequencies(key)) for key in row) for row in KEYPAD)


def dialled(presses: Sequence[tuple[str, float, float]]) -> Float[np.ndarray, " samples"]:
    """Return a number as a person dialled it, at 8 kHz: each key's tone, with the pauses between.

    Presses and pauses are clipped to the durations of the built-in data (60 to 160 ms and 40 to 160 ms), as by a phone
    that stores a number before sending it. White noise is added 30 dB under the tones: without it, which is unlike all
    training data, 15 of 100 validation numbers find their own words among 600; with it, all do.

    Args:
        presses: four (key, second it went down, seconds it was held).

    Raises:
        NumberError: not four presses of digits, or times that are not finite.
    """
    ordered = sorted(presses, key=lambda press: press[1])
    if len(ordered) != DIGITS or not all(len(key) == 1 and key in "0123456789" for key, _, _ in ordered):
        raise NumberError(f"a number is dialled with {DIGITS} digit keys; press {DIGITS} of 0 to 9")
    times = np.array([press[1:] for press in ordered], dtype=np.float64)
    if not np.isfinite(times).all():
        raise NumberError("the times of the keys are not finite numbers; dial again")
    held = np.clip(times[:, 1], *PRESS_SECONDS)
    pauses = np.clip(times[1:, 0] - times[:-1].sum(axis=1), *PAUSE_SECONDS)
    around = PAUSE_SECONDS[0]
    pieces = [_silence(around)]
    for (key, _, _), seconds, pause in zip(ordered, held, (*pauses, around)):
        pieces += [0.2 * key_tone(key, float(seconds)), _silence(pause)]
    return _on_a_line(np.concatenate(pieces))


def _on_a_line(sound: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " samples"]:
    power = np.mean(sound[sound != 0] ** 2)
    hiss = np.random.default_rng(0).standard_normal(len(sound), dtype=np.float32)
    return (sound + hiss * np.sqrt(power / 10 ** (LINE_NOISE / 10))).astype(np.float32)


def _silence(seconds: float) -> Float[np.ndarray, " samples"]:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
