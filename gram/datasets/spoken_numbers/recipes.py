"""Recipes: all parameters of the rendering of an item, one row an item.

Media are rendered deterministically from the row on demand: it holds the handwriting samples, the voice and takes, the
timing, the strength of every corruption, and the seed of its noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from gram.datasets.spoken_numbers.handwriting import samples_of
from gram.datasets.spoken_numbers.voices import Voice, load_voices
from gram.datasets.spoken_numbers.wording import DIGITS, words

SPLITS = {"train": 6000, "validation": 2000, "test": 2000}
_SPLIT_SEED = 4721


@dataclass(frozen=True)
class Corruption:
    """How strongly items are corrupted: chances in [0, 1], ranges as (lowest, highest)."""

    drop: float = 0.6  # chance that a modality loses one of its digits
    image_noise: tuple[float, float] = (0.0, 6.0)  # standard deviation, on the scale 0 to 16
    speech_snr: tuple[float, float] = (0.0, 20.0)  # decibels
    tones_snr: tuple[float, float] = (-10.0, 15.0)  # decibels


def numbers_of(split: str) -> list[str]:
    """Return a split's numbers, in a fixed order; no number is in two splits.

    Raises:
        ValueError: if `split` is not train, validation or test.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    shuffled = np.random.default_rng(_SPLIT_SEED).permutation(10**DIGITS)
    last = int(np.cumsum(list(SPLITS.values()))[list(SPLITS).index(split)])
    return [f"{number:0{DIGITS}d}" for number in sorted(shuffled[last - SPLITS[split] : last])]


def draw_recipes(
    numbers: Sequence[str],
    split: str,
    *,
    seed: int,
    corruption: Corruption | None = None,
    extra_voices: Sequence[Voice] = (),
    extra_share: float | None = None,
) -> pd.DataFrame:
    """Return one recipe a number, drawn with `seed` from a split's handwriting and voices.

    Args:
        numbers: four-digit numbers, such as "4721".
        split: whose handwriting samples and packed voices are used.
        seed: the same seed draws the same recipes.
        corruption: strengths to draw from; the default is that of the built-in sets.
        extra_voices: voices used in addition to the packed ones.
        extra_share: expected share of the items that these speak; by default all voices are equally likely.
    """
    rng = np.random.default_rng(seed)
    corruption = corruption or Corruption()
    packed = [voice for voice in load_voices().values() if voice.split == split]
    if not extra_voices or extra_share is None:
        voices = [[*packed, *extra_voices]] * len(numbers)
    else:
        voices = [list(extra_voices) if extra else packed for extra in rng.random(len(numbers)) < extra_share]
    rows = [_draw(number, split, choice, corruption, rng) for number, choice in zip(numbers, voices)]
    return pd.DataFrame(rows)


def _draw(
    number: str, split: str, voices: Sequence[Voice], corruption: Corruption, rng: np.random.Generator
) -> dict[str, object]:
    values = [int(digit) for digit in number]
    voice = voices[int(rng.integers(len(voices)))]
    handwriting = samples_of(split)
    return {
        "id": number,
        "label": number,
        "words": words(number),
        "split": split,
        "handwriting": [int(rng.choice(handwriting[value])) for value in values],
        "image_noise": rng.uniform(*corruption.image_noise),
        "image_occluded": _dropped(corruption.drop, rng),
        "voice": voice.name,
        "takes": [int(rng.integers(len(voice.clips[value]))) for value in values],
        "speech_tempo": int(rng.integers(16, 25)) / 20,
        "speech_gaps": _pauses(rng, lead=0.4, gap=(0.02, 0.3)),
        "speech_snr": rng.uniform(*corruption.speech_snr),
        "speech_dropped": _dropped(corruption.drop, rng),
        "tones_seconds": rng.uniform(0.06, 0.16),
        "tones_gaps": _pauses(rng, lead=0.2, gap=(0.04, 0.16)),
        "tones_snr": rng.uniform(*corruption.tones_snr),
        "tones_dropped": _dropped(corruption.drop, rng),
        "seed": int(rng.integers(2**31)),
    }


def _dropped(chance: float, rng: np.random.Generator) -> int:
    """Return the position of the lost digit, or -1."""
    position = int(rng.integers(DIGITS))
    return position if rng.random() < chance else -1


def _pauses(rng: np.random.Generator, *, lead: float, gap: tuple[float, float]) -> list[float]:
    """Return seconds of silence before each digit and after the last."""
    inner = rng.uniform(*gap, size=DIGITS - 1)
    return [float(value) for value in (rng.uniform(0.02, lead), *inner, rng.uniform(0.02, lead))]


def noise_seeds(seed: int) -> Int[np.ndarray, " 3"]:
    """Return independent seeds of an item's image, speech and tone noise."""
    return np.random.SeedSequence(seed).generate_state(3)
