"""How often numbers said by a person that no model has heard find their items: the held-out speaker of the recordings.

`python benchmarks/real_voice.py data/fsdd` composes numbers of the test set from single digits that the held-out
speaker said, with random gaps and leading silence, and ranks the built-in gallery for each. `make recordings` fetches
the recordings; this speaker never joins training.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import gram
from gram.datasets.spoken_numbers import SAMPLE_RATE
from gram.datasets.spoken_numbers.fsdd import HELD_OUT_SPEAKER, TAKES, load_speaker
from gram.models import load_model

MODELS = Path(__file__).parents[1] / "assets" / "numbers"
CANDIDATES = (["text"], ["text", "image", "tones"])
LEAD, GAP = (0.02, 0.4), (0.02, 0.3)  # seconds, as in the built-in data


def said(number, voice, rng):
    def silence(low, high):
        return np.zeros(round(SAMPLE_RATE * rng.uniform(low, high)), dtype=np.float32)

    pieces = [silence(*LEAD)]
    for digit in number:
        pieces += [voice.clips[int(digit)][rng.integers(TAKES)], silence(*GAP)]
    return np.concatenate(pieces)


def share(ranks, k):
    """Return the share of ranks up to k with its standard error, in percent."""
    found = (ranks <= k).double().mean().item()
    return f"{100 * found:5.1f} ± {100 * (found * (1 - found) / len(ranks)) ** 0.5:.1f}"


def main():
    parser = argparse.ArgumentParser(description="Measure the models on a real voice that they were not trained on.")
    parser.add_argument("recordings", type=Path, help="folder of the recordings, see `make recordings`")
    parser.add_argument("--numbers", type=int, default=500, help="how many numbers are said (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides numbers, takes and gaps (default: %(default)s)")
    args = parser.parse_args()
    voice = load_speaker(args.recordings, HELD_OUT_SPEAKER, split="test")
    print(
        f"speaker {HELD_OUT_SPEAKER}, {args.numbers} numbers of 2,000 items, seed {args.seed}; percent ± standard error"
    )
    print(f"{'model':8}{'measure':10}{'candidates':22}{'R@1':>14}{'R@10':>14}")
    for name in ("gram", "cosine"):
        model = load_model(MODELS / name / "model", device="cpu")
        gallery = gram.EmbeddingSet.load(MODELS / name / "test").normalized()
        rng = np.random.default_rng(args.seed)
        rows = rng.choice(len(gallery), args.numbers, replace=False)
        numbers = gallery.items["label"].iloc[rows]
        queries = model.encode("speech", [said(number, voice, rng) for number in numbers])
        for candidates in CANDIDATES:
            for measure in ("volume", "height", "cosine"):
                ranks = gram.Index(gallery, candidates, measure).ranks(queries, torch.from_numpy(rows))
                print(f"{name:8}{measure:10}{' + '.join(candidates):22}{share(ranks, 1):>14}{share(ranks, 10):>14}")


if __name__ == "__main__":
    main()
