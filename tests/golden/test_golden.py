"""What the library gives for the built-in sets, held against recorded values.

`record.py` says how the values are written, `compute.py` names every subject. Integers, text and
truth values are compared exactly, floats to 1e-6 of their size: another order of a sum may change less than that.
"""

import json

import pytest

from tests.golden.compare import Tolerance, differences, file_of, plain
from tests.golden.compute import SUBJECTS, Sets, load_sets

_SHOWN = 20
_LOOSER = {
    # Points are kept in float32, and are small numbers made of sums of large ones.
    "pictures-pca": Tolerance(relative=1e-5, absolute=1e-6),
    # UMAP is chaotic: another order of a sum is like another seed, and seeds move its trustworthiness by 0.5 %.
    "pictures-umap": Tolerance(relative=0.02),
    # Vectors nearly on a line have volumes of 1e-10, so only what is far smaller counts as 0.
    "geometry": Tolerance(absolute=1e-13),
    # A probability may be as small as 1e-60, and is to be that.
    "two-rankings": Tolerance(absolute=0.0),
    # The temperature is a float32 number, and its gradient is added up in float32.
    "losses": Tolerance(relative=1e-5),
}


@pytest.fixture(scope="session")
def sets() -> Sets:
    return load_sets()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_values_are_those_recorded(subject: str, sets: Sets) -> None:
    golden = json.loads(file_of(subject).read_text(encoding="utf-8"))
    found = list(differences(golden, plain(SUBJECTS[subject](sets)), _LOOSER.get(subject, Tolerance())))
    assert not found, "\n".join([f"{len(found)} values differ:", *found[:_SHOWN]])


def test_each_file_belongs_to_a_subject() -> None:
    assert sorted(file.stem for file in file_of("any").parent.glob("*.json")) == sorted(SUBJECTS)
