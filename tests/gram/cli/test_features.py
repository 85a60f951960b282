"""Arguments that say which column of a file is what."""

import argparse

import pytest

from gram.cli.features import add_column_roles, asked_roles, pair
from gram.data.importers import ColumnRoles

GUESS = ColumnRoles(modalities={"text": "t", "image": "i"}, anchor="text", id="key", masks={"image": "has_i"})


def asked(*words: str) -> ColumnRoles:
    parser = argparse.ArgumentParser()
    add_column_roles(parser)
    return asked_roles(parser.parse_args(list(words)), GUESS)


def test_without_arguments_the_guess_stands():
    assert asked() == GUESS


def test_modalities_replace_the_guessed_ones_with_their_masks_and_anchor():
    roles = asked("--modality", "speech=s", "--modality", "image=v")
    assert dict(roles.modalities) == {"speech": "s", "image": "v"}
    assert roles.anchor == "speech"
    assert dict(roles.masks) == {"image": "has_i"}
    assert asked("--modality", "image=v", "--modality", "text=t").anchor == "text"


def test_single_columns_can_be_named_or_ruled_out():
    roles = asked("--id", "none", "--label", "title", "--media", "image=path", "--mask", "text=has_t")
    assert (roles.id, roles.label, roles.split) == (None, "title", GUESS.split)
    assert dict(roles.media) == {"path": "image"}
    assert dict(roles.masks) == {"text": "has_t"}


@pytest.mark.parametrize("text", ["a", "=b", "a="])
def test_a_pair_has_two_sides(text: str):
    assert pair("a=b=c") == ("a", "b=c")
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected NAME=COLUMN, got '{text}'"):
        pair(text)
