import subprocess
import sys

import pytest

import gram

NAMES = [
    "gram_matrix", "volume", "log_volume", "heights", "base_and_height", "pairwise_volume", "embed_in_3d",
    "random_volume", "score", "GramLoss", "PairwiseInfoNCE",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_there_and_say_what_they_do(name: str) -> None:
    assert callable(getattr(gram, name))
    assert getattr(gram, name).__doc__
    assert name in gram.__all__
    assert name in dir(gram)


def test_measures_is_a_public_module() -> None:
    assert gram.measures.names()[:4] == ["volume", "height", "cosine", "centroid"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="gram attribute volume3"):
        _ = gram.volume3


def test_importing_gram_loads_nothing_until_it_is_used() -> None:
    loaded = "import gram, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
