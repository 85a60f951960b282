"""What is claimed and by whom, and the numbers that were published."""

from dataclasses import dataclass

import pandas as pd

GRAM_PAPER = (
    "G. Cicchetti, E. Grassucci, L. Sigillo, D. Comminiello, Gramian Multimodal Representation Learning and Alignment, "
    "ICLR 2025, arXiv 2412.11959"
)
HYVOL = 'HyVol, "Hypergraph-Regularized Gramian Volumes", table S3'
OWN_QUESTION = "a question of this project"
_DATA = ("MSR-VTT", "DiDeMo", "ActivityNet", "VATEX")
_ZERO_SHOT = (  # Recall@1 in %, text-to-video and video-to-text, from the GRAM paper's main table
    ("VAST", "video+audio", ((49.3, 43.7), (49.5, 48.2), (51.4, 46.8), (80.0, 77.3))),
    ("VAST", "video+audio+subtitles", ((50.7, 49.0), None, None, (82.1, 78.7))),
    ("GRAM", "video", ((52.8, 49.5), (54.0, 52.3), (58.9, 50.9), (81.1, 79.0))),
    ("GRAM", "video+audio", ((54.2, 50.5), (54.2, 52.2), (59.0, 50.4), (83.9, 79.2))),
    ("GRAM", "video+audio+subtitles", ((54.8, 52.9), None, None, (83.5, 82.7))),
)
_RESCORED = (("video", 51.9), ("video+audio", 52.0), ("video+audio+subtitles", 51.8))  # of the released checkpoint


@dataclass(frozen=True)
class Claim:
    """What an experiment puts to the test.

    Attributes:
        sentence: the claim, in one sentence of ours.
        source: who makes it; `OWN_QUESTION` where nobody does.
        figures: published numbers that belong beside it; columns model, asked, data, direction, recall (R@1 in %),
            source. None where there are none here.
        caution: what to keep in mind when reading the result; "" for nothing.
    """

    sentence: str
    source: str
    figures: pd.DataFrame | None = None
    caution: str = ""

    @property
    def is_published(self) -> bool:
        """Whether somebody claims it; else it is a question of this project."""
        return not self.source.startswith(OWN_QUESTION)


def published() -> pd.DataFrame:
    """Return the published zero-shot R@1 of text asking the modalities named, and an independent re-scoring.

    Columns: model, asked, data, direction ("text-to-video" or "video-to-text"), recall (in %), source. The re-scoring,
    of the released GRAM checkpoint on MSR-VTT, does not see the gain from more modalities; show both together.
    """
    rows = [
        (model, asked, data, direction, recall, GRAM_PAPER)
        for model, asked, found in _ZERO_SHOT
        for data, pair in zip(_DATA, found, strict=True)
        if pair is not None
        for direction, recall in zip(("text-to-video", "video-to-text"), pair, strict=True)
    ]
    rows += [("GRAM, scored again", asked, "MSR-VTT", "text-to-video", recall, HYVOL) for asked, recall in _RESCORED]
    return pd.DataFrame(rows, columns=["model", "asked", "data", "direction", "recall", "source"])
