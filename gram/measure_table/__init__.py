"""All measures on one set, side by side: recall and ranks in both directions with intervals, kept once computed."""

from gram.measure_table.job import MeasureJob
from gram.measure_table.rows import METRICS, Row, against, leading, measure_row, table, tasks
from gram.measure_table.store import find_rows, keep_row, rows_file, rows_key

__all__ = [
    "METRICS",
    "MeasureJob",
    "Row",
    "against",
    "find_rows",
    "keep_row",
    "leading",
    "measure_row",
    "rows_file",
    "rows_key",
    "table",
    "tasks",
]
