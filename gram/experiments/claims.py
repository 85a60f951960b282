"""What was claimed, where, and the numbers that were published: facts of others, told in this project's words."""

from dataclasses import dataclass

import pandas as pd

GRAM_PAPER = (
    "G. Cicchetti, E. Grassucci, L. Sigillo, D. Comminiello, Gramian Multimodal Representation Learning and Alignment, "
    "ICLR 2025, arXiv 2412.11959"
)
HYVOL = 'HyVol, "Hypergraph-Regularized Gramian Volumes", table S3'
_OWN = "a question of this project"
RIVAL_SOURCES = (
    f"{GRAM_PAPER}; the rivals' sources stand with their losses in gram.losses (TRIANGLE arXiv 2509.24734, PMRL "
    "arXiv 2507.17343, Symile arXiv 2411.01053)"
)


@dataclass(frozen=True)
class Claim:
    """What an experiment puts to the test.

    Attributes:
        experiment: its name.
        sentence: the claim, in one sentence of ours.
        source: who makes it; or that nobody does, and it is a question of this project.
        figures: published numbers that belong beside it; columns model, asked, data, direction, recall (R@1 in %),
            source. None where there are none here.
        caution: what to keep in mind when reading the result; "" for nothing.
    """

    experiment: str
    sentence: str
    source: str
    figures: pd.DataFrame | None = None
    caution: str = ""

    @property
    def is_published(self) -> bool:
        """Whether somebody claims it; what nobody does is a question of this project."""
        return not self.source.startswith(_OWN)


_DATA = ("MSR-VTT", "DiDeMo", "ActivityNet", "VATEX")
_ZERO_SHOT = (  # Recall@1 in %, text-to-video and video-to-text, from the GRAM paper's main table
    ("VAST", "video+audio", ((49.3, 43.7), (49.5, 48.2), (51.4, 46.8), (80.0, 77.3))),
    ("VAST", "video+audio+subtitles", ((50.7, 49.0), None, None, (82.1, 78.7))),
    ("GRAM", "video", ((52.8, 49.5), (54.0, 52.3), (58.9, 50.9), (81.1, 79.0))),
    ("GRAM", "video+audio", ((54.2, 50.5), (54.2, 52.2), (59.0, 50.4), (83.9, 79.2))),
    ("GRAM", "video+audio+subtitles", ((54.8, 52.9), None, None, (83.5, 82.7))),
)
_RESCORED = (("video", 51.9), ("video+audio", 52.0), ("video+audio+subtitles", 51.8))  # of the released checkpoint


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


CLAIMS: dict[str, Claim] = {
    claim.experiment: claim
    for claim in (
        Claim(
            "losses-and-measures",
            "Training and ranking by volume retrieves better than by pairwise cosines: by 4 to 7 points of R@1.",
            GRAM_PAPER,
            published(),
        ),
        Claim(
            "modalities",
            "Each further modality, aligned jointly by the volume, makes retrieval better.",
            f"{GRAM_PAPER}; scored again by {HYVOL}, where no gain is seen",
            published(),
        ),
        Claim(
            "volume-as-metric",
            "The mean volume of matched items says how well a model is aligned, and goes with how well it retrieves.",
            GRAM_PAPER,
        ),
        Claim(
            "sensitivity",
            "The volume asks no more care with the width of the space, the temperature and the batch than a cosine.",
            f"{_OWN}: a gain that depends on one setting is no gain of the loss",
        ),
        Claim(
            "unequal",
            "Aligning all modalities at once copes with modalities that are weak, noisy or missing.",
            f"{_OWN}, on what joint alignment promises",
        ),
        Claim(
            "coarse-and-fine",
            "A joint geometry serves texts that name an item exactly and texts that name a part of it.",
            f"{_OWN}: captions of real data fit more than one item",
        ),
        Claim(
            "rivals",
            "The volume aligns more than two modalities better than what was proposed before and since.",
            RIVAL_SOURCES,
            caution=(
                "No loss was tuned: each has its module's usual temperature, and all one learning rate. PMRL's are "
                "its authors', for pretrained encoders; from scratch it hardly learns in these steps, and its row "
                "says no more."
            ),
        ),
        Claim(
            "space",
            "The volume leads to a shared space that is better ordered by meaning.",
            GRAM_PAPER,
        ),
    )
}  # fmt: skip
