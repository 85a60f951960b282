"""Text from files, as text: without what Markdown would make of it."""

_SIGNS = frozenset("\\`*_[]<$#~|&")  # without these there is no link, picture, formula, code, stress or entity


def plain(text: object) -> str:
    """Return text that Markdown shows as it is: nothing in it becomes a link, a picture or a formula."""
    return "".join(f"\\{sign}" if sign in _SIGNS else " " if sign in "\r\n" else sign for sign in str(text))
