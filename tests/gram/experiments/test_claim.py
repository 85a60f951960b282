"""Claims and published numbers."""

from gram.experiments import EXPERIMENTS
from gram.experiments.claim import published


def test_published_numbers_carry_their_source_and_the_rescoring_beside_them() -> None:
    rows = published()
    gram = rows[(rows["model"] == "GRAM") & (rows["data"] == "MSR-VTT") & (rows["direction"] == "text-to-video")]
    assert gram["recall"].tolist() == [52.8, 54.2, 54.8]
    again = rows[rows["model"] == "GRAM, scored again"]
    assert again["recall"].tolist() == [51.9, 52.0, 51.8]
    assert again["source"].str.contains("HyVol").all()
    assert len(rows) == 2 * (4 + 2 + 4 + 4 + 2) + 3
    assert all(each.CLAIM.sentence.endswith(".") and each.CLAIM.source for each in EXPERIMENTS.values())
    assert EXPERIMENTS.get("modalities").CLAIM.figures is not None
