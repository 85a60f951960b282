"""What the library gives for the built-in sets, held against recorded values.

`record.py` says how the values are written, `compute.py` holds every call into the library. Integers, text and
truth values are compared exactly, floats to 1e-6 of their size: another order of a sum may change less than that.
"""

import json

import pytest

from gram import EmbeddingSet
from tests.golden.compare import Tolerance, differences, file_of, plain
from tests.golden.compute import SUBJECTS, load_sets

_SHOWN = 20
_LOOSER: dict[str, Tolerance] = {}


@pytest.fixture(scope="session")
def sets() -> dict[str, EmbeddingSet]:
    return load_sets()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_values_are_those_recorded(subject: str, sets: dict[str, EmbeddingSet]) -> None:
    golden = json.loads(file_of(subject).read_text(encoding="utf-8"))
    found = list(differences(golden, plain(SUBJECTS[subject](sets)), _LOOSER.get(subject, Tolerance())))
    assert not found, "\n".join([f"{len(found)} values differ:", *found[:_SHOWN]])


def test_each_file_belongs_to_a_subject() -> None:
    assert sorted(file.stem for file in file_of("any").parent.glob("*.json")) == sorted(SUBJECTS)
