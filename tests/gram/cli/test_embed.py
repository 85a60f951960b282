"""`gram embed`: what belongs together, and what it says where something is missing."""

import pytest

from gram.cli import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["media"], "FOLDER and --encoder belong together"),
        (["--encoder", "clip=x"], "FOLDER and --encoder belong together"),
        (["media", "--encoder", "clip=x", "--items", "3"], "--items is for the built-in items; leave it out"),
        (["media", "--encoder", "clip=x", "--float16"], "--float16 is for the built-in items; leave it out"),
    ],
)
def test_built_in_items_and_own_files_are_kept_apart(tmp_path, capsys, words, said):
    assert main(["embed", "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_the_built_in_model_one_must_be_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gram.cli.embed.BUILT_IN", tmp_path)
    assert main(["embed", "--out", str(tmp_path / "out")]) == 2
    assert "--model is needed: the built-in model is not here" in capsys.readouterr().err
