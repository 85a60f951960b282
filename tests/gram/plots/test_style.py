"""Colours and numbers as all figures have them."""

import math

import pytest

from gram.plots.style import COLOURS, FURTHER_COLOURS, VOLUME_COLOURS, colours, ink_on, number, rgba, volume_colour


def test_known_modalities_keep_their_colours_and_others_take_further_ones_in_order():
    found = colours(["video", "image", "depth"])
    assert found == {"video": FURTHER_COLOURS[0], "image": COLOURS["image"], "depth": FURTHER_COLOURS[1]}
    many = colours([f"m{place}" for place in range(20)])
    assert len(many) == 20
    assert len(set(many.values())) == len(COLOURS) + len(FURTHER_COLOURS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0312, "0.0312"), (1.0, "1.00"), (12.3, "12.3"), (1230.4, "1,230"), (-0.12, "−0.120"), (4.1e-5, "4.10×10⁻⁵"),
        (9.999, "10.0"), (2e7, "2.00×10⁷"), (0.0, "0"), (math.nan, "–"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


def test_the_volume_scale_goes_from_its_first_colour_to_its_last():
    assert [volume_colour(value) for value in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [
        VOLUME_COLOURS[0], VOLUME_COLOURS[0], VOLUME_COLOURS[5], VOLUME_COLOURS[-1], VOLUME_COLOURS[-1],
    ]  # fmt: skip
    between = volume_colour(0.05)
    for start in (1, 3, 5):
        ends = sorted(int(colour[start : start + 2], 16) for colour in VOLUME_COLOURS[:2])
        assert ends[0] <= int(between[start : start + 2], 16) <= ends[1]
    assert volume_colour(math.nan) not in VOLUME_COLOURS


def test_ink_stands_out_on_dark_and_pale():
    assert ink_on("#000000") == "#ffffff"
    assert ink_on("#ffffff") == "#111318"
    assert rgba("#0072B2", 0.5) == "rgba(0,114,178,0.5)"
