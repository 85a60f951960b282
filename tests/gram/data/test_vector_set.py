"""Sets opened lazily, ids, and rows read one by one; the rest of a set is in `test_embedding_set.py`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from gram import EmbeddingSet, EmbeddingSetError


def test_a_bad_row_is_refused_when_it_is_used(tmp_path):
    arrays = {name: np.ones((50, 4), dtype=np.float32) for name in ("text", "image")}
    EmbeddingSet(arrays, pd.DataFrame({"id": [f"x{row}" for row in range(50)]})).save(tmp_path / "set")
    file = tmp_path / "set" / "embeddings.safetensors"
    content = bytearray(file.read_bytes())
    at = len(content) - 50 * 16 + 30 * 16  # row 30 of the last tensor in the file
    content[at : at + 16] = bytes(16)
    file.write_bytes(bytes(content))
    made = EmbeddingSet.load(tmp_path / "set", lazily=True)
    assert len(made.subset([1, 2])) == 2
    with pytest.raises(EmbeddingSetError, match=r"row 30 \(id 'x30'\) is all zeros"):
        made.subset([3, 30])
    with pytest.raises(EmbeddingSetError, match=r"row 30 \(id 'x30'\) is all zeros"):
        made.missing()


@pytest.mark.parametrize(("ids", "asked", "row"), [
    ([5, -3, 70], "-3", 1), ([5, -3, 70], 70, 2), ([5, -3, 70], "070", None), ([5, -3, 70], "x", None),
    ([5, -3, 70], "5" * 40, None), (["a", "7", "c"], 7, 1), (["a", "7", "c"], "b", None), ([0.5, 1.0, 2.0], "1.0", 1),
    ([True, False], "False", 1),
])  # fmt: skip
def test_an_item_is_found_by_its_id_as_text(ids, asked, row):
    made = EmbeddingSet({"text": np.ones((len(ids), 2))}, pd.DataFrame({"id": ids}))
    assert made.find(asked) == row
    if row is None:
        with pytest.raises(EmbeddingSetError, match="no item has the id"):
            made.row(asked)
    else:
        assert made.row(asked) == row


@pytest.fixture
def on_disk(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """A saved set of 300 items in float16, of which some lack a modality, and its rows."""
    rng = np.random.default_rng(11)
    rows = {name: rng.normal(size=(300, 7)).astype(np.float16) for name in ("text", "image")}
    rows["image"][[4, 250]] = np.nan
    EmbeddingSet(rows, pd.DataFrame({"id": [f"no {row}" for row in range(300)]})).save(tmp_path / "set")
    return tmp_path / "set", rows


WANTED = [250, 3, 299, 0, 17]


def test_a_few_rows_of_a_large_set_are_read_without_its_map(on_disk):
    folder, rows = on_disk
    lazy = EmbeddingSet.load(folder, lazily=True)
    lazy.modalities = {name: torch.full_like(mapped, 5.0) for name, mapped in lazy.modalities.items()}
    for some in (lazy.subset(WANTED), lazy.with_items(lazy.items.assign(label="one")).subset(WANTED)):
        assert some.items["id"].tolist() == [f"no {row}" for row in WANTED]
        assert some.missing() == {"text": 0, "image": 1}
        for name, values in rows.items():
            np.testing.assert_array_equal(some.modalities[name].numpy(), values[WANTED])
            assert some.modalities[name].dtype == torch.float16
    many = lazy.subset(list(range(150)))  # through the map, for it is read whole
    assert (many.modalities["text"] == 5).all()


def test_rows_read_later_are_of_the_set_that_was_opened(on_disk):
    folder, rows = on_disk
    lazy = EmbeddingSet.load(folder, lazily=True)
    EmbeddingSet({name: np.ones_like(values) for name, values in rows.items()}, lazy.items).save(folder)
    np.testing.assert_array_equal(lazy.subset(WANTED).modalities["text"].numpy(), rows["text"][WANTED])


def test_a_bad_row_among_a_few_is_named_as_it_is_in_the_file(on_disk):
    folder, rows = on_disk
    broken = rows["text"].copy()
    broken[299] = 0
    save_file({"text": broken, "image": rows["image"]}, folder / "embeddings.safetensors")
    with pytest.raises(EmbeddingSetError, match=r"modality 'text', row 299 \(id 'no 299'\) is all zeros"):
        EmbeddingSet.load(folder, lazily=True).subset(WANTED)


def test_repeated_ids_are_refused_however_a_set_is_opened(on_disk):
    folder, _ = on_disk
    items = pd.read_parquet(folder / "items.parquet")
    items.loc[7, "id"] = "no 2"
    items.to_parquet(folder / "items.parquet")
    for lazily in (False, True):
        with pytest.raises(EmbeddingSetError, match=r"row 7 repeats the id 'no 2' of row 2"):
            EmbeddingSet.load(folder, lazily=lazily)
