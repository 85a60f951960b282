"""Errors that the command line and the pages show as they are."""

import pytest

from gram import errors


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_every_kind_is_caught_as_a_gram_error(kind):
    assert issubclass(kind, errors.GramError)


@pytest.mark.parametrize("kind", [errors.DeviceError, errors.MediaError, errors.NumberError])
def test_a_bad_argument_is_a_value_error_too(kind):
    assert issubclass(kind, ValueError)


def test_what_is_wrong_outside_the_code_is_no_value_error():
    assert not issubclass(errors.EmbeddingSetError, ValueError)


def test_a_message_is_one_line_that_a_terminal_may_show():
    assert str(errors.EmbeddingSetError("a\nb\x1b[31m\u2028c: is empty")) == "a b [31m c: is empty"
