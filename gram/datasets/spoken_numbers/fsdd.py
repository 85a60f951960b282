"""Real recordings for training: the Free Spoken Digit Dataset (CC BY-SA 4.0), fetched and checked on demand.

`python -m gram.datasets.spoken_numbers.fsdd DIR` downloads release 1.0.9 from its GitHub repository, checks the
samples of every recording used against the digests in `fsdd_digests.json`, and stores them as FLAC. The recordings
are not part of this project; attribution is in assets/MODEL_CARD.md.
"""

import argparse
import hashlib
import io
import json
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Int

from gram.datasets.spoken_numbers.voices import Voice
from gram.errors import NumberError

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.9.tar.gz"
DIGESTS = Path(__file__).with_name("fsdd_digests.json")
TRAINING_SPEAKERS = ("george", "jackson", "nicolas")
HELD_OUT_SPEAKER = "yweweler"
TAKES = 50
_LEVEL = 0.1


def digest(samples: Int[np.ndarray, " samples"]) -> str:
    """Return the SHA-256 of a recording's 16-bit samples, which no lossless re-encoding changes."""
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()[:32]


def load_speaker(folder: Path, speaker: str, *, split: str) -> Voice:
    """Return one speaker's recordings as a voice, each clip levelled to a root mean square of 0.1.

    Raises:
        NumberError: if a recording is missing or is not the one published.
    """
    expected = json.loads(DIGESTS.read_text())
    clips: dict[int, list[np.ndarray]] = {value: [] for value in range(10)}
    for value, take in ((value, take) for value in range(10) for take in range(TAKES)):
        path = folder / f"{value}_{speaker}_{take}.flac"
        if not path.is_file():
            raise NumberError(
                f"{path}: missing; fetch the recordings with: python -m gram.datasets.spoken_numbers.fsdd {folder}"
            )
        samples, _ = soundfile.read(path, dtype="int16")
        if digest(samples) != expected[path.stem]:
            raise NumberError(f"{path}: not the published recording; delete it and fetch it again")
        sound = samples.astype(np.float32) / 32768
        clips[value].append(np.clip(sound * _LEVEL / np.sqrt(np.mean(sound**2)), -1, 1).astype(np.float32))
    return Voice(f"fsdd-{speaker}", split, clips)


def download(folder: Path, *, url: str = URL) -> int:
    """Fetch the recordings that have a digest into `folder` as FLAC; return how many.

    Raises:
        NumberError: if the download fails, lacks a recording, or a recording differs from the published one.
    """
    expected = json.loads(DIGESTS.read_text())
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            archive = response.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise NumberError(f"{url}: cannot be downloaded ({error}); try again when online") from error
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
        for member in files:
            name = Path(member.name).stem
            if name in expected and (handle := files.extractfile(member)) is not None:
                found[name], _ = soundfile.read(io.BytesIO(handle.read()), dtype="int16")
    wrong = sorted(name for name in expected if name not in found or digest(found[name]) != expected[name])
    if wrong:
        raise NumberError(f"{url}: {len(wrong)} recordings are missing or changed, the first is {wrong[0]}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in found.items():
        soundfile.write(folder / f"{name}.flac", samples, 8000, subtype="PCM_16")
    return len(found)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Fetch the Free Spoken Digit Dataset (CC BY-SA 4.0).")
    parser.add_argument("folder", type=Path, help="where to put the recordings, such as data/fsdd")
    arguments = parser.parse_args()
    try:
        count = download(arguments.folder)
    except NumberError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} recordings in {arguments.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
