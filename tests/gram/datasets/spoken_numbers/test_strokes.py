import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from gram import EmbeddingSet, measures
from gram.datasets.spoken_numbers.handwriting import samples_of
from gram.datasets.spoken_numbers.strokes import picture_of_strokes
from gram.errors import NumberError
from gram.models import load_model
from tests.helpers import pen

SHIPPED = "assets/numbers/gram"


DIGITS = load_digits()


TRAINING = np.concatenate(list(samples_of("train").values()))


BAR = [[[0.4, 0.1], [0.4, 0.9]]]


def digits_of(strip):
    return strip.reshape(8, 4, 8).transpose(1, 0, 2)


@pytest.fixture(scope="module")
def drawn():
    """Forty drawings of every digit, and what each is."""
    rng = np.random.default_rng(11)
    numbers = ["".join(str(digit) for digit in rng.permutation(10)) + "01" for _ in range(40)]
    chunks = [number[start : start + 4] for number in numbers for start in (0, 4, 8)]
    pictures = np.concatenate([digits_of(picture_of_strokes(pen.draw(chunk, rng))) for chunk in chunks])
    return pictures, np.array([int(digit) for chunk in chunks for digit in chunk])


def left_edges(pictures):
    """Where the ink of the first and the last row of blocks begins, in pixels of 32."""
    edges = []
    for row in (pictures[:, 0], pictures[:, 7]):
        first = (row > 0).argmax(axis=1)
        edges.append(4 * first + 4 - row[np.arange(len(row)), first] / 4)
    return np.stack(edges)


def test_drawings_have_the_form_of_the_training_pictures(drawn):
    """What the set's own normalisation leaves behind, in the training split and in drawings alike."""
    pictures, _ = drawn
    training = DIGITS.images[TRAINING]
    for some in (pictures, training):
        assert some.min() == 0
        assert some.max() == 16
        assert np.array_equal(some, some.round())
        assert (some[:, [0, 7]].sum(axis=2) > 0).all(axis=1).mean() > 0.97  # eight rows of ink
        assert (some[:, :, 0].sum(axis=1) == 0).mean() > 0.9
        top, bottom = left_edges(some)
        assert (np.abs(top - bottom) <= 4).mean() > 0.9
    assert pictures.mean() == pytest.approx(training.mean(), rel=0.05)


def test_a_reader_of_the_training_pictures_reads_drawings(drawn):
    pictures, values = drawn
    judge = SVC(gamma=0.001, C=10).fit(DIGITS.data[TRAINING], DIGITS.target[TRAINING])
    right = judge.predict(pictures.reshape(len(pictures), 64)) == values
    assert right.mean() > 0.8
    for digit in (0, 2, 3, 4, 5, 6, 7):
        assert right[values == digit].mean() > 0.9, digit


def test_a_drawn_number_finds_its_own_words():
    """Measured on 200 numbers: 77 % first among 2,000."""
    gallery, model = EmbeddingSet.load(f"{SHIPPED}/test"), load_model(f"{SHIPPED}/model", device="cpu")
    rng = np.random.default_rng(5)
    rows = rng.choice(len(gallery), 100, replace=False)
    strips = [picture_of_strokes(pen.draw(gallery.items["id"].iloc[row], rng)) for row in rows]
    scores = measures.score("cosine", model.encode("image", strips), gallery.modalities["text"].float()).numpy()
    own = scores[np.arange(len(rows)), rows][:, None]
    assert ((scores > own).sum(axis=1) == 0).mean() >= 0.65


def test_place_and_size_change_nothing():
    box = pen.draw("5", np.random.default_rng(0))[0]
    moved = [[[0.1 + 0.5 * x, 0.3 + 0.5 * y] for x, y in stroke] for stroke in box]
    first, second = (digits_of(picture_of_strokes([each] * 4))[0] for each in (box, moved))
    assert np.abs(first - second).max() <= 2


@pytest.mark.parametrize("lean", [-0.25, 0.25])
def test_a_leaning_bar_stands_up(lean):
    leaning = [[[0.4 + lean / 2, 0.1], [0.4 - lean / 2, 0.9]]]
    digit = digits_of(picture_of_strokes([leaning] * 4))[0]
    middle = (digit * np.arange(8)).sum(axis=1) / digit.sum(axis=1)
    assert np.ptp(middle) < 0.3


def test_a_bar_stays_a_bar():
    digit = digits_of(picture_of_strokes([BAR] * 4))[0]
    assert 6 <= digit.sum(axis=1).mean() / 4 <= 12  # pixels across, of 32; half of the training ones have 7 to 12


@pytest.mark.parametrize(
    ("boxes", "line"),
    [
        ([[], [], [], []], "the boxes are empty: draw 4 digits, one in each"),
        ([BAR, BAR, [], BAR], "box 3 is empty: draw a digit in it"),
        ([BAR, [], [[]], BAR], "boxes 2 and 3 are empty: draw a digit in each"),
        ([BAR, [[[0.5, 0.5]]], BAR, BAR], "box 2 is empty"),
        ([BAR, BAR, BAR], "has 4 boxes; got 3"),
        ([BAR, BAR, BAR, [[[0.1, float("nan")], [0.2, 0.4]]]], "points"),
        ([BAR, BAR, BAR, [[0.1, 0.2]]], "points"),
        ([BAR, BAR, BAR, [[["a", "b"]]]], "points"),
        ([BAR, BAR, BAR, [[[0.1, 0.2]] * 20_001]], "more than 20,000 points"),
    ],
)
def test_what_is_no_drawing_gets_one_line(boxes, line):
    with pytest.raises(NumberError, match=line):
        picture_of_strokes(boxes)
