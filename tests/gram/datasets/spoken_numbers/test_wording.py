import pytest

from gram.datasets.spoken_numbers import parse, words
from gram.errors import NumberError


@pytest.mark.parametrize(
    "text",
    ["4721", " 4 7 2 1 ", "four seven two one", "Four-Seven-Two-ONE", "four 7, two 1.", "47 two one", "4-7-2-1"],
)
def test_every_way_of_writing_a_number_is_read(text: str) -> None:
    assert parse(text) == "4721"


def test_oh_is_zero() -> None:
    assert parse("oh o zero 0") == "0000"


def test_words_and_parse_are_inverse() -> None:
    assert all(parse(words(f"{number:04d}")) == f"{number:04d}" for number in range(0, 10_000, 37))
    assert words("0590") == "zero five nine zero"


@pytest.mark.parametrize("text", ["", "472", "47210", "four seven two"])
def test_another_count_of_digits_is_refused(text: str) -> None:
    with pytest.raises(NumberError, match="digits: type 4"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "piece"), [("four seven two won", "won"), ("47x1", "x"), ("4721!", "!"), ("٤721", "٤")]
)
def test_a_word_that_is_no_digit_is_named(text: str, piece: str) -> None:
    with pytest.raises(NumberError, match=f"'{piece}' is not a digit"):
        parse(text)


@pytest.mark.parametrize("number", ["", "12", "12345", "12a4", "１234"])
def test_words_refuses_what_is_not_four_digits(number: str) -> None:
    with pytest.raises(NumberError, match="a number has 4 digits"):
        words(number)
