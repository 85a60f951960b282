"""What is said of a failure: every branch, with the numbers that it must be made of."""

import math
from dataclasses import replace

import pytest

from gram.diagnostics import CAUSES, Attribution, Side

TRUE = Side(
    id="a", label="4721", row=0, score=-0.3, base=0.61, height=0.4918, volume=0.3,
    heights={"text": 0.4918, "image": 0.5, "speech": 0.9}, cosines={"image": 0.8, "speech": -0.55},
    own_cosines={("image", "speech"): 0.79},
)  # fmt: skip
WINNER = Side(
    id="b", label="4791", row=1, score=-0.1, base=0.12, height=0.8333, volume=0.1,
    heights={"text": 0.8333, "image": 0.4, "speech": 0.2}, cosines={"image": 0.5, "speech": 0.4},
    own_cosines={("image", "speech"): 0.9926},
)  # fmt: skip
CASE = Attribution(
    query="text", candidates=("image", "speech"), measure="volume", true=TRUE, winner=WINNER, margin=-0.2, rank=3.0,
    gallery=2000, without={"image": 12.0, "speech": 4.0}, rank_same_base=2.0, rank_by_height=2.0, sign_flipped=(),
    modality_flipped=(), rank_sign_flipped=math.nan, rank_without_hubs=math.nan, occurrences=41, asked=2000,
    hub_threshold=9, median_base=0.5, height_limit=0.45, alike=False, rounding=1e-8, dtype="float16",
    hub_by_base=False, cause="several", at_fault="",
)  # fmt: skip


def said(cause, at_fault="", **numbers):
    return replace(CASE, cause=cause, at_fault=at_fault, **numbers).sentence()


def test_right():
    assert said("right", rank=1.0, margin=0.123456) == "4721 is first: it scores 0.123 more than 4791."


def test_an_item_that_is_behind():
    assert said("several", margin=0.05, rank=1204.5) == (
        "4721 scores 0.05 more than 4791, yet is only rank 1,204.5: others come before it."
    )


def test_duplicate():
    assert (
        said("duplicate", alike=True)
        == "4791 has the same image and speech as the true item: no measure tells the two apart."
    )
    assert said("duplicate", margin=0.0) == "4791 ties with the true item: both score -0.3."


def test_unresolved():
    assert said("unresolved", margin=-7.994e-05, rounding=5.66e-05) == (
        "The two scores differ by 7.99e-05, and rounding the stored float16 vectors another way changes that by about "
        "5.66e-05: rounding decides who is first."
    )
    assert said("unresolved", margin=0.0) == (
        "Both score 0, as near as float16 can tell: with the query, the vectors of either item are dependent, and "
        "nothing is left to rank by."
    )


LACKS = replace(TRUE, cosines={"image": 0.8, "speech": math.nan})


def test_missing_modality():
    assert said("missing modality", "speech", true=LACKS) == "The true item lacks its speech and is judged by the rest."
    assert said("missing modality", "speech", true=LACKS, without={"image": math.nan, "speech": 1.0}) == (
        "The true item lacks its speech and is judged by the rest. With speech left out of all candidates, "
        "the true item "
        "is first."
    )
    both = replace(WINNER, cosines=LACKS.cosines)
    assert said("missing modality", "speech", true=LACKS, winner=both) == (
        "The true item lacks its speech and is judged by the rest, and so is the winner."
    )
    assert said("missing modality", "image", winner=replace(WINNER, cosines={"image": math.nan, "speech": 0.4})) == (
        "The winner lacks its image and is judged by the rest. With image left out of all candidates, the true item is "
        "first."
    )


HUB = (
    "This winner is a hub: its own image and speech are nearly collinear (cosine 0.993, base 0.12 "
    "against 0.61), and it "
    "is first for 41 of 2,000 queries. The query is no farther from the true item, height 0.492 against 0.833: "
)


@pytest.mark.parametrize(
    ("numbers", "change"),
    [
        (
            {"rank_same_base": 1.0},
            "with the true item's base in place of the winner's, the true item is first.",
        ),
        ({"rank_by_height": 1.0}, "by height, which leaves the base out, it is first."),
        ({}, "by height, which leaves the base out, it is before this winner, though only rank 2."),
    ],
)
def test_hub_by_its_base(numbers, change):
    assert said("hub", hub_by_base=True, **numbers) == HUB + change


def test_hub_whose_vectors_are_not_collinear():
    opposite = replace(WINNER, own_cosines={("image", "speech"): -0.95})
    assert "nearly collinear (cosine -0.950," in said("hub", hub_by_base=True, winner=opposite)
    for cosine in (0.85, math.nan):
        spread = replace(WINNER, own_cosines={("image", "speech"): cosine})
        assert said("hub", hub_by_base=True, winner=spread, rank_same_base=1.0).startswith(
            "This winner is a hub: its own vectors span little (base 0.12 against 0.61, median 0.5), and it is "
            "first for "
            "41 of 2,000 queries."
        )


def test_hub_by_how_often_it_is_first():
    counted = (
        "This winner is a hub: it is first for 41 of 2,000 queries, where chance hardly gives any item 9 or more. "
        "Without the items of that kind the true item is first."
    )
    assert said("hub", rank_without_hubs=1.0) == (
        f"{counted} Its own vectors span less than usual: base 0.12, median 0.5."
    )
    assert said("hub", rank_without_hubs=1.0, median_base=0.1) == counted
    assert said("hub", rank_without_hubs=1.0, measure="cosine") == counted


def test_sign():
    assert said("sign", "speech", sign_flipped=("speech",), rank_sign_flipped=1.0) == (
        "The true item's vector for speech points away from the query (cosine: speech -0.55). Flipped, it makes the "
        "true item first."
    )
    two = {"candidates": ("image", "speech", "tones"), "sign_flipped": ("image", "speech")}
    assert said("sign", "speech", **two) == (
        "The true item's vectors for image and speech point away from the query (cosines: image 0.80, speech -0.55). "
        "Flipped, they make the true item first."
    )
    assert said("sign", "speech", sign_flipped=("speech",), modality_flipped=("speech",)) == (
        "In the whole set, speech and the query point opposite ways; here the cosines are: speech -0.55. With speech "
        "turned into the opposite, the true item is first."
    )
    assert said("sign", "text", sign_flipped=("image", "speech")) == (
        "The query is turned away from every vector of the true item (cosines: image 0.80, speech -0.55). "
        "Turned into its opposite, it finds the true item first."
    )


FAULT = "The speech modality is at fault: without it the true item is first, with it rank 3."


def test_modality():
    alone = {"image": 12.0, "speech": 1.0}
    far = (
        " Its distance from the span of the other vectors and the query is 0.9 for the true item and 0.2 for the "
        "winner."
    )
    assert said("modality", "speech", without=alone) == FAULT + far
    near = replace(TRUE, heights={"text": 0.4918, "image": 0.5, "speech": 0.1})
    assert said("modality", "speech", without=alone, true=near) == FAULT
    assert said("modality", "speech", without=alone, measure="cosine") == (
        f"{FAULT} Its cosine with the query is -0.55 for the true item and 0.4 for the winner."
    )
    assert said("modality", "image", without={"image": 1.0, "speech": 4.0}, measure="cosine") == (
        FAULT.replace("speech", "image")
    )
    several = {"image": 1.0, "speech": 1.0, "tones": 1.0}
    assert said("modality", "speech", without=several, true=near) == (
        f"{FAULT} It is first without image or tones, too, but less far ahead."
    )


def test_query():
    far = (
        "The query is at fault: the true item's own vectors agree no worse than usual (base 0.61, median 0.7), but the "
        "text is 0.492 off their span; nine of ten queries that are answered right stay below 0.45."
    )
    assert said("query", "text", median_base=0.7) == f"{far} It is near neither item: 0.833 off the winner's, too."
    near = replace(WINNER, height=0.31)
    assert said("query", "text", median_base=0.7, winner=near) == f"{far} To the winner it is near: 0.31."


def test_several():
    start = "The true item is rank 3, and leaving out one modality does not make it first: "
    hub = " The winner is first for 41 of 2,000 queries."
    assert said("several", occurrences=8) == f"{start}rank 12 without image and rank 4 without speech."
    assert said("several") == f"{start}rank 12 without image and rank 4 without speech.{hub}"
    assert said("several", rank_by_height=1.0, occurrences=1) == (
        f"{start}rank 12 without image and rank 4 without speech. By height it is first, 0.492 against 0.833 for the "
        "winner: the query lies near the span of its vectors, which this measure does not reward."
    )
    unknown = {"image": math.nan, "speech": math.nan}
    assert said("several", without=unknown, occurrences=1, measure="triangle") == "The true item is rank 3."
    assert said("several", candidates=("image",), without={"image": math.nan}) == (
        "The query's cosine is 0.800 with its own image and 0.500 with the winner's; of two vectors nothing "
        "tells which "
        "one is off."
    )


def test_every_cause_is_said():
    said_of = {cause: said(cause, "speech", sign_flipped=("speech",)) for cause in CAUSES}
    assert len(set(said_of.values())) == len(CAUSES)


def test_long_vectors_have_whole_numbers():
    assert "both score -12,346." in said("duplicate", margin=0.0, true=replace(TRUE, score=-12345.6))
