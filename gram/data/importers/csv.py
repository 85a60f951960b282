"""CSV: all cells are read as text, then become numbers where a whole column is made of them."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from gram.data.importers.base import Table
from gram.data.importers.columns import ERRORS, add_rows, from_memory
from gram.data.importers.limits import Limits, reraise_as_set_error

SUFFIXES = (".csv", ".tsv")
HOLDS_ITEMS = (".csv", ".tsv")

_REMEDY = "write it again as UTF-8 text with a line of column names"
_LINE = 2**24  # characters of the line of names
_NULLS = ("", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a")
_CODE = r"^[+-]?0\d"  # 0042 is a name, not a number


def read(path: Path, limits: Limits) -> Table:
    """Return the columns of a CSV file, separated by commas, semicolons or tabs; ids such as 0042 keep their zeros.

    Raises:
        EmbeddingSetError: no text, rows of unlike length, or more rows than `limits` allow.
    """
    limits.check_unpacked(path, 2 * limits.check_file(path))
    with reraise_as_set_error(path, "CSV", _REMEDY, csv.Error, *ERRORS):
        names, separator = _names(path)
        cells = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=list(_NULLS),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        columns = [_as_numbers(column) for column in cells.columns]
        values = pa.Table.from_arrays(columns, names=cells.column_names)
    table = Table("CSV")
    add_rows(table, from_memory(values, path, limits))
    return table


def _names(path: Path) -> tuple[list[str], str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(_LINE)
        counts = {separator: first.count(separator) for separator in "\t;,"}
        separator = "\t" if path.suffix.lower() == ".tsv" else max(counts, key=counts.__getitem__)
        return next(csv.reader([first], delimiter=separator), []), separator


def _as_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text as whole numbers, fractions or truth values, where all of it is that."""
    if column.null_count == len(column) or pc.any(pc.match_substring_regex(column, _CODE)).as_py():
        return column.cast(pa.float64()) if column.null_count == len(column) else column
    for kind in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column
