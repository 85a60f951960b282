"""Arguments that commands share."""

import argparse

import pytest

from gram.cli.arguments import LazyChoices, names, positive


def test_lazy_choices_are_looked_up_when_a_value_is_checked_or_help_is_written(capsys: pytest.CaptureFixture[str]):
    asked = []

    def look_up() -> list[str]:
        asked.append(True)
        return ["volume", "cosine"]

    parser = argparse.ArgumentParser()
    parser.add_argument("--by", choices=LazyChoices(look_up), metavar="NAME", help="one of %(choices)s")
    parser.parse_args([])
    assert not asked
    assert parser.parse_args(["--by", "cosine"]).by == "cosine"
    with pytest.raises(SystemExit):
        parser.parse_args(["--by", "area"])
    assert "invalid choice: 'area' (choose from 'volume', 'cosine')" in capsys.readouterr().err
    assert "one of volume, cosine" in parser.format_help()


def test_names_are_separated_by_commas():
    assert names("image, speech,") == ["image", "speech"]
    with pytest.raises(argparse.ArgumentTypeError, match="expected one name or more"):
        names(",")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x"])
def test_whole_numbers_of_at_least_1(text: str):
    assert positive("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match=f"expected a whole number of at least 1, got '{text}'"):
        positive(text)
