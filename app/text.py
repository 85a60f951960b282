"""Text from files, as text: without what Markdown or a spreadsheet would make of it."""

import re

import pandas as pd

# Without these there is no link, picture, formula, code, stress or entity; within a word, _ stresses nothing
_SIGNS = re.compile(r"[\\`*\[\]<$#~|&]|(?<![^\W_])_|_(?![^\W_])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of one


def escape_markdown(text: object) -> str:
    """Return text that Markdown shows as it is: nothing in it becomes a link, a picture or a formula."""
    return _SIGNS.sub(r"\\\g<0>", re.sub(r"[\r\n]", " ", str(text)))


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
