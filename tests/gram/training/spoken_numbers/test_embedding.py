"""Built-in items and their embedding, by the round and resumed."""

from pathlib import Path

import pytest
import torch

import gram
from gram.datasets.spoken_numbers import MODALITIES, numbers_of
from gram.models import MultimodalModel
from gram.training.spoken_numbers import pool as pool_module
from gram.training.spoken_numbers.embedding import embed_items, embed_many, half_precision, split_items
from tests.helpers.quick_training import SMALL


def test_embedding_renders_each_item_and_keeps_its_recipe() -> None:
    torch.manual_seed(0)
    model = MultimodalModel(SMALL).eval()
    items = split_items("test").iloc[:5]
    embedded = embed_items(model, items, info={"model": "gram"})
    assert list(embedded.items["id"]) == list(items["id"])
    torch.testing.assert_close(embedded.modalities["text"], model.encode("text", list(items["words"])))
    halves = half_precision(embedded)
    assert all(vectors.dtype == torch.float16 for vectors in halves.modalities.values())
    assert halves.info["model"] == "gram"


@pytest.fixture
def ten_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a split ten numbers long, so that 25 items are three rounds."""
    monkeypatch.setattr("gram.training.spoken_numbers.embedding.numbers_of", lambda split: numbers_of(split)[:10])


def test_more_items_than_numbers_come_again_in_another_guise(tmp_path: Path, ten_numbers: None) -> None:
    torch.manual_seed(0)
    model = MultimodalModel(SMALL).eval()
    seen: list[tuple[float, str]] = []
    embedded = embed_many(
        model, 25, tmp_path / "set", processes=1, info={"model": "gram"}, progress=lambda *line: seen.append(line)
    )
    numbers, items = sorted(numbers_of("test")[:10]), embedded.items
    assert items["id"].is_unique
    assert sorted(items["id"][:10]) == sorted(items["label"][:10]) == sorted(items["label"][10:20]) == numbers
    assert all(items["id"][10:] == [f"{number}-{2 + (row >= 10)}" for row, number in enumerate(items["label"][10:])])
    assert list(items["label"][:10]) != list(items["label"][10:20])
    for number in numbers:
        guises = items[items["label"] == number]
        assert guises["seed"].nunique() == len(guises)
    assert all(len(set(map(tuple, items[name]))) > 20 for name in ("handwriting", "speech_gaps"))
    assert seen[-1][0] == 1
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    stored = gram.EmbeddingSet.load(tmp_path / "set")
    assert stored.info["model"] == "gram"
    assert "maker" not in stored.info
    assert not (tmp_path / "set" / ".rounds").exists()
    for name, raw in pool_module.raw_inputs(items.iloc[23].to_dict()).items():
        torch.testing.assert_close(stored.modalities[name][23], model.encode(name, [raw])[0])
    first = embed_items(model, split_items("test").iloc[:10], processes=2)
    torch.testing.assert_close(stored.modalities["speech"][:10], first.modalities["speech"])
    other = embed_many(model, 25, tmp_path / "other", processes=1, seed=1, half=True)
    assert other.modalities["image"].dtype == torch.float16
    assert list(other.items["seed"][:10]) == list(items["seed"][:10])
    assert not set(other.items["seed"][10:]) & set(items["seed"])


def test_a_stopped_embedding_goes_on_after_its_last_round(
    tmp_path: Path, ten_numbers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MultimodalModel(SMALL).eval()
    expected = embed_many(model, 25, tmp_path / "whole", processes=1)
    rendered = []
    render = pool_module.raw_inputs

    def stop_at(last: int) -> None:
        def counted(item: dict, voices: dict | None = None) -> dict:
            rendered.append(item["id"])
            if len(rendered) == last:
                raise KeyboardInterrupt
            return render(item, voices)

        monkeypatch.setattr(pool_module, "raw_inputs", counted)

    stop_at(14)
    with pytest.raises(KeyboardInterrupt):
        embed_many(model, 25, tmp_path / "set", processes=1)
    rendered.clear()
    stop_at(0)
    again = embed_many(model, 25, tmp_path / "set", processes=1)
    assert rendered == list(expected.items["id"][10:])
    for name in MODALITIES:
        assert torch.equal(again.modalities[name], expected.modalities[name])
    rendered.clear()
    stop_at(12)
    with pytest.raises(KeyboardInterrupt):
        embed_many(model, 25, tmp_path / "set", processes=1)
    rendered.clear()
    stop_at(0)
    embed_many(MultimodalModel(SMALL).eval(), 25, tmp_path / "set", processes=1)  # another model begins anew
    assert len(rendered) == 25


def test_an_embedding_that_cannot_be_made_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(gram.EmbeddingSetError, match="is not an embedding set and not empty, so nothing was written"):
        embed_many(MultimodalModel(SMALL), 3, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(ValueError, match="count must be at least 1; got 0"):
        embed_many(MultimodalModel(SMALL), 0, tmp_path / "new")
    with pytest.raises(ValueError, match="split must be validation or test; got 'train'"):
        embed_many(MultimodalModel(SMALL), 3, tmp_path / "new", split="train")


def test_the_test_set_is_2000_numbers_always_in_the_same_order() -> None:
    items = split_items("test")
    assert items["id"].nunique() == 2000
    assert list(items["id"]) == list(split_items("test")["id"])
    assert not set(items["id"]) & set(split_items("validation")["id"])
    with pytest.raises(ValueError, match="split must be validation or test"):
        split_items("train")
