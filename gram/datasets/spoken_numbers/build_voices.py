"""Build the packed voices with espeak-ng: `python -m gram.datasets.spoken_numbers.build_voices` (Debian: espeak-ng).

Each voice is an English accent of espeak-ng with one of its speaker variants, a rate and a pitch; each take of a
digit moves rate and pitch a little, as a speaker does. Clips are trimmed, levelled and resampled to 8 kHz.
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float
from scipy.signal import resample_poly
from tqdm import tqdm

from gram.datasets.spoken_numbers.tones import SAMPLE_RATE
from gram.datasets.spoken_numbers.voices import VOICES_DIR, pack_voice, write_index
from gram.datasets.spoken_numbers.wording import WORDS

# name: (accent, variant, words a minute, pitch 0-99, split)
VOICES: dict[str, tuple[str, str, int, int, str]] = {
    "arlo": ("en-gb", "m1", 150, 45, "train"),
    "bess": ("en-gb", "f1", 165, 55, "train"),
    "cole": ("en-us", "m2", 170, 40, "train"),
    "dora": ("en-us", "f2", 155, 60, "train"),
    "ewan": ("en-gb-scotland", "m3", 160, 42, "train"),
    "fern": ("en-gb-scotland", "f3", 150, 58, "train"),
    "gil": ("en-gb-x-rp", "m4", 145, 38, "train"),
    "hope": ("en-gb-x-rp", "f4", 160, 62, "train"),
    "ivor": ("en-gb-x-gbclan", "m5", 175, 47, "train"),
    "june": ("en-gb-x-gbclan", "f5", 165, 52, "train"),
    "kit": ("en-gb-x-gbcwmd", "m6", 155, 50, "train"),
    "lena": ("en-gb-x-gbcwmd", "f1", 180, 66, "train"),
    "milo": ("en-029", "m7", 150, 44, "train"),
    "nell": ("en-029", "f2", 160, 57, "train"),
    "otto": ("en-us-nyc", "m8", 170, 36, "train"),
    "pia": ("en-us-nyc", "f3", 150, 61, "train"),
    "rex": ("en-us", "klatt", 160, 48, "train"),
    "sol": ("en-gb", "klatt2", 170, 40, "train"),
    "tess": ("en-us", "linda", 155, 55, "train"),
    "umar": ("en-029", "david", 165, 35, "train"),
    "vera": ("en-gb-x-rp", "belinda", 150, 50, "train"),
    "wim": ("en-gb-x-gbclan", "edward", 160, 46, "train"),
    "xena": ("en-gb-scotland", "steph", 170, 54, "train"),
    "yan": ("en-us", "max", 180, 43, "train"),
    "zoe": ("en-gb", "anika", 165, 58, "train"),
    "abel": ("en-us-nyc", "boris", 150, 39, "train"),
    "bram": ("en-gb-x-gbcwmd", "michael", 160, 49, "validation"),
    "cleo": ("en-us", "f4", 170, 64, "validation"),
    "dirk": ("en-029", "m3", 155, 41, "validation"),
    "elsa": ("en-gb", "steph2", 160, 56, "test"),
    "finn": ("en-us", "m5", 155, 45, "test"),
    "gwen": ("en-gb-scotland", "f5", 170, 60, "test"),
    "hugo": ("en-gb-x-rp", "edward2", 150, 37, "test"),
    "iris": ("en-us-nyc", "linda", 165, 53, "test"),
    "joel": ("en-gb-x-gbclan", "m2", 175, 42, "test"),
}
# Each take's change of rate and pitch.
TAKES = ((1.0, 0), (0.85, -6), (1.15, 5), (1.3, -2))

SOURCE = "synthesised with espeak-ng by gram/datasets/spoken_numbers/build_voices.py"
LICENCE = "espeak-ng is GPL-3.0-or-later; the sound it makes carries no licence of its own"


def speak(word: str, accent: str, variant: str, rate: int, pitch: int) -> Float[np.ndarray, " samples"]:
    """Return one word spoken by espeak-ng, trimmed of silence, at 8 kHz with a root mean square of 0.1."""
    voice = f"{accent}+{variant}"
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(rate), "-p", str(pitch), word]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    sound, source_rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    common = np.gcd(source_rate, SAMPLE_RATE)
    sound = resample_poly(sound, SAMPLE_RATE // common, source_rate // common)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    sound = sound[loud[0] : loud[-1] + 1]
    return np.clip(sound * 0.1 / np.sqrt(np.mean(sound**2)), -1, 1).astype(np.float32)


def build(folder: Path) -> None:
    """Speak every digit in every voice and take, and pack the clips under `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, dict[str, object]] = {}
    for name, (accent, variant, rate, pitch, split) in tqdm(VOICES.items(), unit="voice"):
        clips = [
            (digit, speak(word, accent, variant, round(rate * faster), pitch + higher))
            for digit, word in enumerate(WORDS)
            for faster, higher in TAKES
        ]
        index[name] = {
            "split": split,
            "accent": accent,
            "variant": variant,
            "words_per_minute": rate,
            "pitch": pitch,
            "clips": pack_voice(folder, name, clips),
        }
    write_index(folder, index, SOURCE, LICENCE)


def main() -> int:
    """Build the voices of the project; return the exit status."""
    if shutil.which("espeak-ng") is None:
        print("espeak-ng is not installed; on Debian: apt-get install espeak-ng", file=sys.stderr)
        return 1
    build(VOICES_DIR)
    return 0


if __name__ == "__main__":
    sys.exit(main())
