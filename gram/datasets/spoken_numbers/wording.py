"""Numbers in digits and in words."""

import re
import reprlib

from gram.errors import NumberError

DIGITS = 4
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_VALUE_OF = {word: str(value) for value, word in enumerate(WORDS)} | {"oh": "0", "o": "0"}


def words(number: str) -> str:
    """Return a number digit by digit in words.

    Example:
        >>> words("4721")
        'four seven two one'

    Raises:
        NumberError: if `number` is not four decimal digits.
    """
    if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", number):
        raise NumberError(f"a number has {DIGITS} digits, such as 4721; got {number!r}")
    return " ".join(WORDS[int(digit)] for digit in number)


def parse(text: str) -> str:
    """Return the four digits that `text` names, written in digits, in words, or mixed.

    Spaces, hyphens, commas and full stops separate; capitals do not matter; "oh" is zero.

    Example:
        >>> parse("four-seven two 1")
        '4721'

    Raises:
        NumberError: if a word is not a digit, or if there are not exactly four digits.
    """
    digits = ""
    for piece in re.findall(r"[^\W\d_]+|[0-9]|[^\s\-,.]", text.lower()):
        value = piece if piece in "0123456789" else _VALUE_OF.get(piece)
        if value is None:
            raise NumberError(f"{reprlib.repr(piece)} is not a digit: type four, such as 4721 or four seven two one")
        digits += value
    if len(digits) != DIGITS:
        raise NumberError(
            f"{reprlib.repr(text.strip())} has {len(digits)} digits: type {DIGITS}, such as 4721 or four seven two one"
        )
    return digits
