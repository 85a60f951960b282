"""Paths that strangers wrote stay below their folder."""

import pytest

from gram.core.paths import file_inside, stays_inside


@pytest.mark.parametrize("path", ["a.png", "media/a.png", "media/./a.png", "media\\a.png", "..a", "a..", ""])
def test_relative_paths_stay(path):
    assert stays_inside(path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../a",
        "media/../../a",
        "C:\\a",
        "c:a",
        "\\a",
        "\\\\host\\share",
        "media\\..\\..\\a",
        "a\0b",
        7,
        None,
    ],
)
def test_paths_that_climb_or_are_absolute_do_not(path):
    assert not stays_inside(path)


def test_a_file_below_the_folder_is_found(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_text("")
    assert file_inside(tmp_path, "media/a.png") == tmp_path / "media" / "a.png"
    for path in ("", "media", "media/b.png", "../a.png", None, "x" * 5000):
        assert file_inside(tmp_path, path) is None


def test_links_are_followed_and_may_not_leave(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / "secret").write_text("")
    (folder / "own").write_text("")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to(folder / "own")
    (folder / "loop").symlink_to(folder / "loop")
    assert file_inside(folder, "in") == folder / "in"
    assert file_inside(folder, "out") is None
    assert file_inside(folder, "loop") is None
