"""Rendering a recipe: the picture, the speech and the tones of an item."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from gram.datasets.spoken_numbers.handwriting import INK, samples
from gram.datasets.spoken_numbers.recipes import noise_seeds
from gram.datasets.spoken_numbers.tones import SAMPLE_RATE, dial
from gram.datasets.spoken_numbers.voices import Voice, load_voices
from gram.errors import NumberError

Item = Mapping[str, Any]


def render_image(item: Item) -> Float[np.ndarray, "8 32"]:
    """Return an item's picture: four handwritten digits side by side, values 0 (paper) to 16 (ink).

    Gaussian noise of the recorded standard deviation is added; an occluded digit is covered by mid-grey.
    """
    images, _ = samples()
    picture = np.concatenate([images[row] for row in item["handwriting"]], axis=1)
    if (position := int(item["image_occluded"])) >= 0:
        picture[:, 8 * position : 8 * position + 8] = INK / 2
    noise = np.random.default_rng(noise_seeds(item["seed"])[0]).standard_normal(picture.shape)
    return np.clip(picture + item["image_noise"] * noise, 0, INK).astype(np.float32)


def render_speech(item: Item, *, voices: Mapping[str, Voice] | None = None) -> Float[np.ndarray, " samples"]:
    """Return an item spoken, at 8 kHz: one clip a digit, with the recorded tempo, gaps, and noise.

    A dropped digit is replaced by silence of its length, under the same noise.

    Args:
        item: a recipe.
        voices: used in addition to the packed ones.

    Raises:
        NumberError: if the item's voice is unknown.
    """
    voice = {**load_voices(), **(voices or {})}.get(item["voice"])
    if voice is None:
        raise NumberError(f"item {item['id']}: voice {item['voice']!r} is not among the voices loaded")
    digits = zip(item["label"], item["takes"])
    clips = [_at_tempo(voice.clips[int(digit)][take], item["speech_tempo"]) for digit, take in digits]
    sound = _join(clips, item["speech_gaps"], dropped=int(item["speech_dropped"]))
    return _with_noise(sound, clips, item["speech_snr"], seed=noise_seeds(item["seed"])[1])


def render_tones(item: Item) -> Float[np.ndarray, " samples"]:
    """Return an item dialled, at 8 kHz: its DTMF tones with the recorded length, gaps and noise.

    A dropped digit is replaced by silence of its length.
    """
    clips = [0.2 * tone for tone in dial(item["label"], seconds=item["tones_seconds"])]
    sound = _join(clips, item["tones_gaps"], dropped=int(item["tones_dropped"]))
    return _with_noise(sound, clips, item["tones_snr"], seed=noise_seeds(item["seed"])[2])


def _at_tempo(clip: np.ndarray, tempo: float) -> np.ndarray:
    """Return a clip played `tempo` times as fast, to the nearest twentieth; its pitch moves with it."""
    from scipy.signal import resample_poly  # slow to import and seldom needed

    return resample_poly(clip, 20, round(20 * tempo)).astype(np.float32)


def _join(clips: Sequence[np.ndarray], gaps: Sequence[float], *, dropped: int) -> np.ndarray:
    silences = [np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32) for seconds in gaps]
    pieces = [silences[0]]
    for position, clip in enumerate(clips):
        pieces += [np.zeros_like(clip) if position == dropped else clip, silences[position + 1]]
    return np.concatenate(pieces)


def _with_noise(sound: np.ndarray, clips: Sequence[np.ndarray], snr: float, *, seed: int) -> np.ndarray:
    """Add white noise, `snr` decibels below the mean power of the undropped clips."""
    power = np.mean(np.concatenate(clips) ** 2)
    noise = np.random.default_rng(seed).standard_normal(len(sound), dtype=np.float32)
    mixed = sound + noise * np.sqrt(power / 10 ** (snr / 10))
    return np.clip(mixed, -1, 1).astype(np.float32)
