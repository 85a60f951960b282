"""Text from files, as text: without what Markdown or a spreadsheet would make of it."""

import re
from collections.abc import Sequence

import pandas as pd

# Without these there is no link, picture, formula, code, stress or entity; within a word, _ stresses nothing
_SIGNS = re.compile(r"[\\`*\[\]<$#~|&]|(?<![^\W_])_|_(?![^\W_])")
_LONGEST = 60  # characters that are quoted
_MOST = 8  # choices that a message lists
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of one


def escape_markdown(text: object) -> str:
    """Return text that Markdown shows as it is: nothing in it becomes a link, a picture or a formula."""
    return _SIGNS.sub(r"\\\g<0>", re.sub(r"[\r\n]", " ", str(text)))


def quoted(text: object) -> str:
    """Return text in quotation marks, cut where it is long, as a message quotes what it was given."""
    told = str(text)
    return f"“{told}”" if len(told) <= _LONGEST else f"“{told[: _LONGEST - 1]}…”"


def choices(names: Sequence[str]) -> str:
    """Return what can be chosen as a message lists it: all, or the first eight and how many more there are."""
    more = f" or one of {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def csv_safe(table: pd.DataFrame) -> str:
    """Return a table as CSV in which no text begins as a formula does: such a text gets an apostrophe before it.

    Numbers stay numbers; a negative one is no formula.

    Source: OWASP, CSV Injection.
    """
    texts = {
        str(name): values.map(_harmless)
        for name, values in table.items()
        if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    }
    return table.assign(**texts).rename(columns=lambda name: _harmless(str(name))).to_csv(index=False)


def _harmless(value: object) -> object:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
