"""The model card and the README's table: every number measured afresh from the shipped models and sets.

`python -m gram.training.spoken_numbers.report` evaluates both shipped models on the test set and writes
assets/MODEL_CARD.md and the block of README.md between its two markers. The figures come from nowhere else.
"""

import re
import sys
from itertools import combinations, product
from pathlib import Path
from typing import Any

import torch

from gram.data.embedding_set import EmbeddingSet
from gram.geometry import base_and_height, volume
from gram.models import MultimodalModel, load_model
from gram.retrieval.evaluate import DIRECTIONS, evaluate
from gram.training.spoken_numbers.config import SHIPPED

ROOT = Path(__file__).parents[3]
MEASURES = ("volume", "height", "cosine", "centroid")
_TITLES = {"query-to-candidates": "text → rest", "candidates-to-query": "rest → text"}
_SETTINGS = {
    "device": "device",
    "steps": "steps",
    "batch_size": "batch size",
    "seconds": "seconds in training steps",
    "seed": "seed",
    "learning_rate": "highest learning rate",
    "label_smoothing": "label smoothing",
    "learned_temperature": "temperature after training",
    "voices": "real voices, in addition to the synthetic ones",
    "robust": "speech varied in training (`--robust`)",
    "torch": "torch",
}


def retrieval_table(sets: dict[str, EmbeddingSet]) -> str:
    """Return a Markdown table: each model's R@1, R@5, R@10 and median rank by each measure, in both directions."""
    rows = []
    for (name, embedded), measure, direction in product(sets.items(), MEASURES, DIRECTIONS):
        report = evaluate(embedded, measure=measure, direction=direction)
        low, high = map(_percent, report.interval("R@1"))
        first, *more = (_percent(report.recall[k]) for k in (1, 5, 10))
        found = [f"{first} ({low} to {high})", *more, f"{report.median_rank:g}"]
        rows.append([name, measure, _TITLES[direction], *found])
    return _table(["model", "measure", "direction", "R@1 (95 % interval)", "R@5", "R@10", "median rank"], rows)


def single_table(sets: dict[str, EmbeddingSet]) -> str:
    """Return a Markdown table: R@1 of text against each modality alone and against all, by each model's own measure."""
    rows = []
    for name, embedded in sets.items():
        measure = "volume" if name == "gram" else "cosine"
        others = [name for name in embedded.modalities if name != "text"]
        parts = [*([name] for name in others), others]
        shares = [evaluate(embedded, candidates=part, measure=measure).recall[1] for part in parts]
        rows.append([f"{name} ({measure})", *map(_percent, shares)])
    return _table(["model (measure)", "image", "speech", "tones", "all three"], rows)


def geometry_table(sets: dict[str, EmbeddingSet]) -> str:
    """Return a Markdown table: mean matched cosine of each pair, and mean matched volume, base and height."""
    pairs: list[tuple[str, str]] = []
    rows = []
    for name, embedded in sets.items():
        vectors = {name: rows.double() for name, rows in embedded.normalized().modalities.items()}
        pairs = list(combinations(vectors, 2))
        cosines = [float((vectors[a] * vectors[b]).sum(dim=1).mean()) for a, b in pairs]
        volumes = volume(torch.stack(list(vectors.values()), dim=1))
        anchor, *others = vectors.values()
        bases, _ = base_and_height(anchor[:1], *others)
        numbers = [*cosines, float(volumes.mean()), float(bases.mean()), float((volumes / bases).mean())]
        rows.append([name, *(f"{value:.2f}" for value in numbers)])
    return _table(["model", *(f"{a}·{b}" for a, b in pairs), "volume", "base", "height"], rows)


def _settings(models: dict[str, MultimodalModel]) -> str:
    rows = [[title, *(_shown(model.info.get(key)) for model in models.values())] for key, title in _SETTINGS.items()]
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in models.values()]
    return _table(["", *models], [*rows, ["parameters", *(f"{size:,}" for size in sizes)]])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def model_card(models: dict[str, MultimodalModel], sets: dict[str, EmbeddingSet]) -> str:
    """Return the model card: what the models are, what they were trained on, and every measured number."""
    items = next(iter(sets.values())).items
    return _CARD.format(
        items=f"{len(items):,}",
        settings=_settings(models),
        retrieval=retrieval_table(sets),
        single=single_table(sets),
        geometry=geometry_table(sets),
    )


_CARD = """# The shipped models

Two models of the spoken numbers, `gram` and `cosine`: the same encoders, data, seed, batches and steps; only the loss
differs. `gram` was trained with the GRAM contrastive loss on volumes (Cicchetti et al., ICLR 2025, arXiv 2412.11959),
`cosine` with InfoNCE on the cosine of the text with each other modality. This page is written by
`python -m gram.training.spoken_numbers.report`; `make assets` repeats all of it, training included.

## Training

{settings}

## Data

| part | source | licence |
|---|---|---|
| handwriting | scikit-learn's `load_digits`: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, \
UCI Machine Learning Repository, 1998 | CC BY 4.0 |
| synthetic speech | espeak-ng, by `gram/datasets/spoken_numbers/build_voices.py`, packed in `assets/voices` | made \
here; espeak-ng itself is GPL-3.0-or-later |
| real speech, training only | Free Spoken Digit Dataset v1.0.9, Z. Jackson and others, \
github.com/Jakobovski/free-spoken-digit-dataset, speakers george, jackson, nicolas | CC BY-SA 4.0; the recordings are \
not part of this project, `make recordings` fetches them |
| tones | DTMF after ITU-T Recommendation Q.23, synthesised | made here |

The test set is {items} numbers that no training or validation item has, in handwriting samples and voices that neither
has. Each modality loses one digit in three items of five and carries noise of a recorded strength.

In training, real voices speak half of the items, noise goes from that of the test set down to none, and an increasing
share of the speech is augmented: vocal tract, tempo, room, line and noise
(`gram.training.spoken_numbers.augmentation`).

## Measured on the test set

R@1 is the share of queries whose own item comes first. Intervals are percentile bootstrap over items. Ties count as
the average of the tied places.

{retrieval}

Text against one modality alone, and against all three together, by the measure the model was trained for:

{single}

Mean cosines of matched pairs, and mean matched volume, base and height over all four modalities:

{geometry}

## Limits

The vocabulary is ten English words. Microphones, accents and rooms unlike those in training will be read worse;
`benchmarks/real_voice.py` measures a speaker who is in neither set. Pictures are 8 x 8 pixels a digit. The measurements
hold for this set and this training; one seed was trained for each loss.
"""


def splice(page: str, block: str, *, mark: str = "measured") -> str:
    """Return a page with the text between its two markers, such as <!-- measured: begin -->, replaced.

    Raises:
        ValueError: if the page lacks a marker.
    """
    start, end = (f"<!-- {mark}: {place} -->" for place in ("begin", "end"))
    if start not in page or end not in page:
        raise ValueError(f"the page must hold the lines {start} and {end}")
    before, after = page.split(start)[0], page.split(end)[1]
    return f"{before}{start}\n{block}\n{end}{after}"


def main() -> int:
    """Write the model card and the table of the README; return the exit status."""
    folder, readme = ROOT / "assets" / "numbers", ROOT / "README.md"
    models = {name: load_model(folder / name / "model", device="cpu") for name in SHIPPED}
    sets = {name: EmbeddingSet.load(folder / name / "test") for name in SHIPPED}
    card = model_card(models, sets)
    (ROOT / "assets" / "MODEL_CARD.md").write_text(card)
    table = re.search(r"## Measured on the test set.*?(?=## Limits)", card, re.DOTALL)
    assert table is not None  # the card is made from _CARD above
    readme.write_text(splice(readme.read_text(), table[0].split("\n", 1)[1].strip()))
    print(table[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
