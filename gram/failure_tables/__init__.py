"""Cases, findings and remedies of sets: computed in another process that says how far it is, and kept on disk."""

from gram.failure_tables.job import FailureJob
from gram.failure_tables.store import (
    KINDS,
    Kept,
    Part,
    find_part,
    keep_part,
    part_file,
    part_key,
    read_part,
    task_key,
    write_part,
)

__all__ = [
    "KINDS",
    "FailureJob",
    "Kept",
    "Part",
    "find_part",
    "keep_part",
    "part_file",
    "part_key",
    "read_part",
    "task_key",
    "write_part",
]
