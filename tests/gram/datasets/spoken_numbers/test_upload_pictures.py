"""Pictures of numbers as four digits: strips, handwriting, and what holds no digits."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.svm import SVC

from gram.datasets.spoken_numbers import uploads
from gram.errors import NumberError
from tests.helpers.upload_files import DIGITS, HELD_OUT, encoded, gray, handwriting, strip_of


@pytest.fixture(scope="module")
def judge():
    return SVC(gamma=0.001, C=10).fit(DIGITS.data[:HELD_OUT], DIGITS.target[:HELD_OUT])


@pytest.mark.parametrize("scale", [1, 2, 5, 12])
@pytest.mark.parametrize("dark_ink", [True, False])
def test_an_enlarged_strip_comes_back(scale, dark_ink):
    strip = strip_of(1500, 1501, 1502, 1503)
    levels = strip * 255 / 16
    levels = 255 - levels if dark_ink else levels
    picture = gray(np.kron(levels, np.ones((scale, scale))))
    back = uploads.read_image(encoded(picture))
    assert back.shape == (8, 32)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, strip, atol=0.04)  # half of one gray level of 255


def test_a_strip_survives_jpeg_and_a_size_that_is_no_multiple():
    strip = strip_of(1600, 1601, 1602, 1603)
    picture = gray(strip * 255 / 16).resize((330, 83), Image.Resampling.NEAREST)
    back = uploads.read_image(encoded(picture, "JPEG", quality=92))
    assert np.abs(back - strip).mean() < 0.6


def test_a_strip_saved_as_counts_passes_through():
    strip = strip_of(1700, 1701, 1702, 1703)
    assert np.array_equal(uploads.read_image(encoded(gray(strip))), strip)


@pytest.mark.parametrize("gap", [24, -12], ids=["apart", "touching"])
@pytest.mark.parametrize("dark_ink", [True, False])
def test_handwriting_on_a_page_is_read(judge, gap, dark_ink):
    right = 0
    for start in range(HELD_OUT, HELD_OUT + 80, 4):
        samples = range(start, start + 4)
        page = handwriting(samples, gap=gap)
        strip = uploads.read_image(encoded(gray(page if dark_ink else 255 - page)))
        assert strip.min() >= 0
        assert strip.max() <= 16
        digits = np.stack([strip[:, 8 * place : 8 * place + 8].reshape(-1) for place in range(4)])
        right += (judge.predict(digits) == DIGITS.target[list(samples)]).sum()
    assert right >= 0.85 * 80  # the judge itself has 0.97 on the samples as they are


def test_uneven_light_and_camera_noise_change_little():
    page = handwriting(range(1500, 1504), ink=110)
    across = np.linspace(1.0, 0.4, page.shape[1])  # the paper at one end is darker than the ink at the other
    noisy = page * across + np.random.default_rng(0).normal(0, 3, page.shape)
    plain, photo = (uploads.read_image(encoded(gray(image))) for image in (page, noisy))
    assert np.abs(plain - photo).mean() < 1.0


def test_digits_keep_their_order_and_four_strokes_their_places():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((30, 20, 90, 100), fill=0)  # a block
    for left in (150, 240, 330):
        draw.rectangle((left, 20, left + 10, 100), fill=0)  # three bars
    strip = uploads.read_image(encoded(image))
    ink = [strip[:, 8 * place : 8 * place + 8].sum() for place in range(4)]
    assert ink[0] > 1.2 * max(ink[1:])
    assert min(ink[1:]) > 200


def test_a_broken_digit_is_one_digit():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    for left in (20, 120, 220, 320):
        draw.rectangle((left, 20, left + 50, 100), outline=0, width=9)
    whole = uploads.read_image(encoded(image))
    draw.rectangle((220, 55, 272, 60), fill=255)  # a gap through the third
    draw.rectangle((40, 15, 42, 105), fill=255)  # and down through the first
    broken = uploads.read_image(encoded(image))
    assert np.abs(whole - broken)[:, 8:16].max() == 0
    assert np.abs(whole - broken)[:, 24:].max() == 0
    assert np.abs(whole - broken).mean() < 3


def test_a_digit_in_two_parts_counts_once_even_where_others_touch():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 15, 70, 25), fill=0)  # the bar of a five,
    draw.rectangle((20, 40, 70, 100), outline=0, width=9)  # apart from its body
    for left in (120, 220, 271):  # the last two touch
        draw.rectangle((left, 15, left + 50, 100), outline=0, width=9)
    strip = uploads.read_image(encoded(image))
    first, *others = (strip[:, 8 * place : 8 * place + 8] for place in range(4))
    assert first[0].sum() > 0
    assert first[2].sum() < first[0].sum()  # the gap under the bar
    for other in others[1:]:
        assert np.abs(other - others[0]).mean() < 4  # strokes that touch are cut within a column or two


def test_a_page_four_times_as_wide_as_high_is_no_strip():
    page = handwriting(range(1500, 1504))
    cut = page[10:170]
    assert cut.shape[1] == 4 * cut.shape[0]
    whole, part = uploads.read_image(encoded(gray(page))), uploads.read_image(encoded(gray(cut)))
    assert np.abs(whole - part).mean() < 0.5


def test_specks_are_left_out():
    image = Image.new("L", (400, 120), 255)
    draw = ImageDraw.Draw(image)
    for left in (40, 130, 220, 310):
        draw.ellipse((left, 20, left + 50, 100), outline=0, width=9)
    clean = uploads.read_image(encoded(image))
    draw.rectangle((8, 60, 11, 63), fill=0)
    draw.rectangle((390, 10, 393, 13), fill=0)
    assert np.array_equal(uploads.read_image(encoded(image)), clean)


def test_an_even_gray_noise_holds_no_digits():
    noise = np.random.default_rng(1).normal(128, 4, (100, 300))
    with pytest.raises(NumberError, match="no digits found"):
        uploads.read_image(encoded(gray(noise)))
