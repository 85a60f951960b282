"""Importers as plug-ins: one file that declares its suffixes is found by the library and the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSetError
from gram.cli import main
from gram.data.importers import Limits, inspect, suffixes
from gram.data.importers.base import Mapped, Table, as_series, from_array, importers, rows_and_size

TOY = """
import json
import numpy as np
from gram.data.importers.base import Table, from_array

SUFFIXES = (".toybox",)

def read(path, limits):
    table = Table("a box of toys")
    for name, rows in json.loads(path.read_text()).items():
        values = np.array(rows, np.float32)
        from_array(table, name, values.shape, "float32", lambda values=values: values, limits)
    return table
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    plugin = tmp_path / "toybox.py"
    plugin.write_text(TOY)
    monkeypatch.setenv("GRAM_PLUGINS", str(plugin))
    path = tmp_path / "a.toybox"
    path.write_text(json.dumps({"text": [[1, 2], [3, 4]], "image": [[5, 6, 7], [8, 9, 1]]}))
    return path


def test_a_plug_in_is_among_the_suffixes_and_converted(toy, capsys):
    assert ".toybox" in suffixes()
    assert inspect(toy).format == "a box of toys"
    assert main(["convert", str(toy), str(toy.with_suffix(".npz"))]) == 0
    assert "2 items, text (2), image (3), anchor text" in capsys.readouterr().out
    np.testing.assert_array_equal(np.load(toy.with_suffix(".npz"))["image"], [[5, 6, 7], [8, 9, 1]])
    assert main(["convert", "--help"]) == 0
    assert ".toybox" in capsys.readouterr().out


def test_a_plug_in_lies_in_a_folder_beside_others(toy, tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    toy.rename(folder / "a.toybox")
    pd.DataFrame({"id": ["a", "b"]}).to_csv(folder / "items.csv", index=False)
    assert inspect(folder).roles.id == "id"


def test_without_the_plug_in_its_suffix_is_not_read(toy, monkeypatch):
    monkeypatch.delenv("GRAM_PLUGINS")
    assert ".toybox" not in importers()
    with pytest.raises(EmbeddingSetError, match=r"files of the kind '.toybox' are not read; give one of .npy"):
        inspect(toy)


def test_every_suffix_has_one_importer_that_reads():
    for suffix, importer in importers().items():
        module = importer.load()
        assert suffix in module.SUFFIXES
        assert callable(getattr(module, "read", None) or module.unpack)


def test_names_of_columns_stay_apart_and_are_bounded(monkeypatch):
    table = Table("a table")
    for _ in range(3):
        table.add_values("a\nb", pd.Series([1]))
    assert list(table.columns) == ["a b", "a b (2)", "a b (3)"]
    monkeypatch.setattr("gram.data.importers.base.MAX_COLUMNS", 3)
    with pytest.raises(EmbeddingSetError, match="more than 3 columns"):
        table.add_values("c", pd.Series([1]))


@pytest.mark.parametrize(
    ("shape", "rows"), [((5, 3), (5, 3)), ((5, 1, 3), (5, 3)), ((5, 1), (5,)), ((5, 2, 3), None), ((0, 3), None)]
)
def test_axes_of_length_one_are_dropped(shape, rows):
    assert rows_and_size(shape) == rows


def test_what_is_no_column_is_noted():
    table = Table("a table")
    from_array(table, "z", (5, 2), "complex64", lambda: None, Limits())
    from_array(table, "t", (5, 2), "text", lambda: None, Limits())
    assert not table.columns
    assert table.notes == [
        "'z' is left out: it is an array of complex64, not of real numbers.",
        "'t' is left out: it holds several texts an item.",
    ]


def test_a_mapped_array_is_what_numpy_wrote(tmp_path):
    array = np.arange(24, dtype=">f8").reshape(4, 6)
    (tmp_path / "a.bin").write_bytes(b"head" + array.tobytes())
    mapped = Mapped(str(tmp_path / "a.bin"), 4 + 8, ">f8", (4, 3), (48, 16))
    np.testing.assert_array_equal(mapped.load(), array[:, 1::2])


def test_text_of_numpy_is_repaired():
    wild = np.array([0x110000, ord("a")], np.uint32).view("U1")
    assert as_series(wild).tolist() == ["\ufffd", "a"]
    assert as_series(np.array([b"\xff", b"b"])).tolist() == ["\ufffd", "b"]
