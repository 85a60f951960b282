"""Writing files whole or not at all. Crashes amid a save of several: `tests/gram/data/test_crashes.py`."""

import pytest

from gram.core.atomic import COMMITTED, current_file, read_consistently, replace_file, replace_files


def test_one_file_is_replaced_whole_and_its_folder_is_made(tmp_path):
    target = tmp_path / "deep" / "file"
    replace_file(target, lambda path: path.write_text("one"))
    replace_file(target, lambda path: path.write_text("two"))
    assert target.read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_failed_write_of_one_file_leaves_the_old(tmp_path):
    def half(path):
        path.write_text("half")
        raise KeyboardInterrupt

    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        replace_file(target, half)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def write(**texts):
    def into(folder):
        for name, text in texts.items():
            (folder / name).write_text(text)

    return into


def test_several_files_are_replaced_and_others_stay(tmp_path):
    replace_files(tmp_path / "set", write(a="1", b="1"))
    (tmp_path / "set" / "media").mkdir()
    replace_files(tmp_path / "set", write(a="2", b="2"))
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["a", "b", "media"]
    assert [(tmp_path / "set" / name).read_text() for name in "ab"] == ["2", "2"]


def test_a_failed_write_of_several_leaves_nothing_behind(tmp_path):
    def half(folder):
        (folder / "a").write_text("half")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        replace_files(tmp_path / "new", half)
    assert not (tmp_path / "new").exists()
    replace_files(tmp_path / "set", write(a="1"))
    with pytest.raises(ValueError, match="stop"):
        replace_files(tmp_path / "set", half)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["a"]


def test_committed_files_are_in_force_and_the_next_save_moves_them(tmp_path):
    replace_files(tmp_path, write(a="1", b="1"))
    (tmp_path / COMMITTED).mkdir()
    (tmp_path / COMMITTED / "a").write_text("2")
    assert [current_file(tmp_path, name).read_text() for name in "ab"] == ["2", "1"]
    replace_files(tmp_path, write(b="3"))
    assert [(tmp_path / name).read_text() for name in "ab"] == ["2", "3"]
    assert not (tmp_path / COMMITTED).exists()


def test_a_torn_read_is_repeated(tmp_path):
    replace_files(tmp_path, write(a="1", b="1"))
    reads = []

    def read():
        first = current_file(tmp_path, "a").read_text()
        if not reads:
            replace_files(tmp_path, write(a="2", b="2"))
        reads.append(first + current_file(tmp_path, "b").read_text())
        return reads[-1]

    assert read_consistently(tmp_path, read, witness="a") == "22"
    assert reads == ["12", "22"]


def test_an_error_of_a_quiet_folder_is_raised_at_once(tmp_path):
    replace_files(tmp_path, write(a="1"))
    with pytest.raises(FileNotFoundError):
        read_consistently(tmp_path, lambda: (tmp_path / "b").read_text(), witness="a")
