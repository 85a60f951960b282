"""Voices of the spoken numbers: packed clips of single digits, cached.

A voice is one FLAC file of all its clips, one after another; `voices.json` holds where each begins and ends.
`build_voices.py` makes both with espeak-ng; `fsdd.py` reads real recordings as a `Voice`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float

from gram.errors import NumberError

VOICES_DIR = Path(__file__).parents[3] / "assets" / "voices"
_INDEX = "voices.json"


@dataclass(frozen=True)
class Voice:
    """One speaker: a name, the split it belongs to, and clips[digit] = its takes of that digit at 8 kHz."""

    name: str
    split: str
    clips: Mapping[int, list[Float[np.ndarray, " samples"]]]


@cache
def load_voices(folder: Path = VOICES_DIR) -> Mapping[str, Voice]:
    """Return every packed voice of a folder by name.

    Raises:
        NumberError: if the folder holds no voices.
    """
    index_path = folder / _INDEX
    if not index_path.is_file():
        raise NumberError(f"{index_path}: no voices here; build them with: make voices")
    index = json.loads(index_path.read_text())
    voices = {}
    for name, entry in index["voices"].items():
        sound, _ = soundfile.read(folder / f"{name}.flac", dtype="float32")
        clips: dict[int, list[np.ndarray]] = {digit: [] for digit in range(10)}
        for digit, start, stop in entry["clips"]:
            clips[digit].append(sound[start:stop])
        voices[name] = Voice(name, entry["split"], clips)
    return voices


def pack_voice(folder: Path, name: str, clips: list[tuple[int, Float[np.ndarray, " samples"]]]) -> list[list[int]]:
    """Write one voice's clips as a FLAC file at 8 kHz, 16 bit; return [digit, start, stop] of each clip."""
    edges = np.cumsum([0, *(len(clip) for _, clip in clips)])
    sound = np.concatenate([clip for _, clip in clips])
    soundfile.write(folder / f"{name}.flac", sound, 8000, subtype="PCM_16")
    return [[digit, int(edges[i]), int(edges[i + 1])] for i, (digit, _) in enumerate(clips)]


def write_index(folder: Path, voices: dict[str, dict[str, object]], source: str, licence: str) -> None:
    """Write `voices.json`: where the clips come from, and each voice's settings, split and clip edges."""
    body = {"sample_rate": 8000, "source": source, "licence": licence, "voices": voices}
    (folder / _INDEX).write_text(json.dumps(body, indent=None, separators=(",", ":")) + "\n")
