"""Limits, and errors as one line."""

import pytest

from gram import EmbeddingSetError
from gram.data.importers.limits import Limits, error_line, format_bytes, one_line, reraise_as_set_error


def test_bytes_are_formatted():
    assert [format_bytes(size) for size in (999, 1000, 67_108_864, 2_048 * 10**9)] == [
        "999 bytes", "1 kB", "67.1 MB", "2,048 GB",
    ]  # fmt: skip


def test_what_unpacks_to_too_much_is_refused():
    limits = Limits(unpacked=2**30)
    limits.check_unpacked("a", 2**26, 1)
    with pytest.raises(EmbeddingSetError, match=r"a: 1 kB unpack to 100 MB, which no embeddings do"):
        limits.check_unpacked("a", 10**8, 1000)
    with pytest.raises(EmbeddingSetError, match=r"a: unpacks to 2.15 GB, and at most 1.07 GB are read"):
        limits.check_unpacked("a", 2**31)
    assert limits.unpack_at_most(10**6) == 200 * 10**6


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "a: needs more memory than it may take"),
        (RecursionError(), "a: is nested too deeply to be a toy; mend it"),
        (ValueError("two\nlines"), r"a: is not readable as a toy \(two lines\); mend it"),
        (EmbeddingSetError("as it is"), "^as it is$"),
    ],
)
def test_errors_of_libraries_become_one_line(error, message):
    with pytest.raises(EmbeddingSetError, match=message), reraise_as_set_error("a", "a toy", "mend it", ValueError):
        raise error
    with pytest.raises(KeyError), reraise_as_set_error("a", "a toy", "mend it", ValueError):
        raise KeyError


def test_control_characters_go():
    assert one_line("a\x00b\u2028c\ud800") == "a b c"
    assert error_line(ValueError("x" * 500)).endswith("x …")
    assert error_line(KeyError()) == "KeyError"
