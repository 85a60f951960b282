"""Encoders: inputs that are refused; the families are tested one by one."""

import pytest

from gram.errors import MediaError, ModelError
from tests.helpers.direct_encoders import load


@pytest.mark.parametrize(("modality", "given", "message"), [
    ("audio", ["x"], "has no modality 'audio'"),
    ("text", [" "], "at least one word"),
    ("image", [b"%PDF-1.4 and more"], "this is a PDF"),
])  # fmt: skip
def test_what_cannot_be_encoded_is_said_in_a_line(made, modality, given, message):
    with pytest.raises((ModelError, MediaError), match=message):
        load(made("clip")).encode(modality, given)
