"""Queries about spoken numbers: typed, and read from files."""

import numpy as np
import pytest
from PIL import Image

from gram.datasets.spoken_numbers.queries import read_query, typed_query
from gram.errors import NumberError
from gram.retrieval.query import JointQuery, Query


def test_nothing_is_no_query():
    with pytest.raises(ValueError, match="no query: give text, image, speech or tones"):
        read_query()
    assert read_query(text="4721", id="0001") == Query("text", "four seven two one", "0001")


def test_a_typed_number_is_its_words_and_the_item_to_find():
    assert typed_query("Four-seven 2, ONE") == Query("text", "four seven two one", "4721")


def test_files_and_text_make_a_joint_query(tmp_path):
    picture = Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) % 17, (8, 1)))
    picture.save(tmp_path / "strip.png")
    query = read_query(text="4721", image=tmp_path / "strip.png", id="0001")
    assert isinstance(query, JointQuery)
    assert [part.modality for part in query.parts] == ["text", "image"]
    assert query.id == "0001"


@pytest.mark.parametrize("name", ["image", "speech", "tones"])
def test_a_file_that_cannot_be_used_is_named_with_its_modality(name, tmp_path):
    (tmp_path / "odd.dat").write_bytes(b"%PDF-1.7")
    with pytest.raises(NumberError, match=rf"{name} .*odd\.dat: this is a PDF"):
        read_query(**{name: tmp_path / "odd.dat"})
    with pytest.raises(NumberError, match=rf"^{name}: cannot read .*gone"):
        read_query(**{name: tmp_path / "gone"})
