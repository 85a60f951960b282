"""Queries about spoken numbers: typed in digits or words, or read from files."""

import os

from gram.datasets.spoken_numbers.uploads import Source, read_audio, read_image
from gram.datasets.spoken_numbers.wording import parse, words
from gram.errors import NumberError
from gram.retrieval.query import AnyQuery, JointQuery, Query


def typed_query(text: str) -> Query:
    """Return the query for a number typed in digits or words.

    Raises:
        NumberError: the text does not name four digits.
    """
    number = parse(text)
    return Query("text", words(number), number)


def read_query(
    *,
    text: str | None = None,
    image: Source | None = None,
    speech: Source | None = None,
    tones: Source | None = None,
    id: str | None = None,
) -> AnyQuery:
    """Return the query of a typed number and files, joint if there are several.

    Args:
        text: a number in digits or words; its item is the true one unless `id` is given.
        image: a picture of four digits: its bytes or path.
        speech: a recording of four spoken digits: its bytes or path.
        tones: a recording of four dialled digits: its bytes or path.
        id: the true item, if known.

    Raises:
        NumberError: the text does not name four digits, or a file cannot be used; the message names it.
        ValueError: nothing is given.

    Example:
        >>> read_query(text="4721").content
        'four seven two one'
    """
    parts = []
    if text is not None:
        typed = typed_query(text)
        parts.append(typed if id is None else Query("text", typed.content, id))
    readers = (("image", image, read_image), ("speech", speech, read_audio), ("tones", tones, read_audio))
    for modality, source, read in readers:
        if source is None:
            continue
        try:
            parts.append(Query(modality, read(source), id))
        except NumberError as error:
            name = "" if isinstance(source, bytes) or str(error).startswith("cannot read") else f" {os.fspath(source)}"
            raise NumberError(f"{modality}{name}: {error}") from error
    if not parts:
        raise ValueError("no query: give text, image, speech or tones")
    return parts[0] if len(parts) == 1 else JointQuery(tuple(parts))
