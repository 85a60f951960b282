"""The project's error classes: each carries one clear line that says what to do.

The command line and the pages show these lines as they are. Anything else that is raised is a bug and shows
as one.
"""

import re

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # control characters, of terminals too


class GramError(Exception):
    """Something outside the code is wrong (a file, a model, an input); the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(_BREAKS.sub(" ", message))  # names of files and columns hold what they like


class EmbeddingSetError(GramError):
    """An embedding set cannot be read, built or saved; names the file, the modality and the first bad row."""


class ModelError(GramError):
    """A saved model cannot be read or does not fit what it is asked to do."""


class DeviceError(GramError, ValueError):
    """A device is unknown, or not available on this machine."""


class MediaError(GramError, ValueError):
    """A picture, a recording or a text file cannot be read."""


class NumberError(GramError, ValueError):
    """A typed number, a picture or a recording cannot be read as a four-digit number's modality."""


class DatabaseError(GramError):
    """A vector database cannot be reached, refuses, or holds something else than what is asked of it."""
