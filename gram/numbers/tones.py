"""The number as it is dialled: dual-tone multi-frequency signalling (ITU-T Recommendation Q.23)."""

import numpy as np
from jaxtyping import Float

from gram.numbers.wording import DIGITS

SAMPLE_RATE = 8000

# Q.23, table 1: each key sounds one low and one high frequency, in hertz.
LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0)
_KEYPAD = ("123", "456", "789", "*0#")
_RAMP_SECONDS = 0.004


def key_frequencies(key: str) -> tuple[float, float]:
    """Return the low and high frequency of one telephone key, in hertz (ITU-T Q.23, table 1).

    Raises:
        ValueError: if `key` is not one of 0-9, * and #.
    """
    for row, keys in enumerate(_KEYPAD):
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


def dial(number: str, *, seconds: float = 0.1, gap: float = 0.1) -> list[Float[np.ndarray, " samples"]]:
    """Return a number's four tones, `seconds` each, without the gaps between them."""
    if len(number) != DIGITS:
        raise ValueError(f"number must have {DIGITS} digits; got {number!r}")
    return [key_tone(key, seconds) for key in number]
