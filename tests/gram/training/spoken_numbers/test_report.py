from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gram.data.embedding_set import EmbeddingSet
from gram.models import ModelConfig, MultimodalModel
from gram.training.spoken_numbers.report import geometry_table, model_card, retrieval_table, single_table, splice


@pytest.fixture
def sets() -> dict[str, EmbeddingSet]:
    """One set whose image repeats the text and whose speech is a fixed other direction, for both models."""
    text = np.eye(12)[:8]
    image = text.copy()
    speech = np.tile(np.eye(12)[10], (8, 1))
    items = pd.DataFrame({"id": [str(row) for row in range(8)]})
    made = EmbeddingSet(modalities={"text": text, "image": image, "speech": speech}, items=items)
    return {"gram": made, "cosine": made}


def row(table: str, *cells: str) -> list[str]:
    found = [line for line in table.splitlines() if all(f"| {cell} " in line for cell in cells)]
    assert len(found) == 1
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def test_the_tables_hold_what_the_sets_say(sets: dict[str, EmbeddingSet]) -> None:
    retrieval = retrieval_table(sets)
    cells = row(retrieval, "gram", "volume", "text → rest")
    assert cells[3:] == ["100.0 % (100.0 % to 100.0 %)", "100.0 %", "100.0 %", "1"]
    assert len(retrieval.splitlines()) == 2 + 2 * 4 * 2
    # speech is the same for every item, so alone it ranks by chance: one in eight
    assert row(single_table(sets), "cosine (cosine)") == ["cosine (cosine)", "100.0 %", "12.5 %", "100.0 %"]
    # text·image, text·speech, image·speech, volume, base, height
    assert row(geometry_table(sets), "gram") == ["gram", "1.00", "0.00", "0.00", "0.00", "1.00", "0.00"]


def test_the_card_states_settings_licences_and_measures(sets: dict[str, EmbeddingSet]) -> None:
    torch.manual_seed(0)
    model = MultimodalModel(ModelConfig(d=8), info={"steps": 77, "seed": 5, "voices": ["fsdd-george"]})
    card = model_card({"gram": model, "cosine": model}, sets)
    assert "| steps | 77 | 77 |" in card
    assert "fsdd-george" in card
    for licence in ("CC BY 4.0", "CC BY-SA 4.0"):
        assert licence in card
    assert "100.0 % (100.0 % to 100.0 %)" in card


def test_splice_replaces_only_what_is_between_the_markers(tmp_path: Path) -> None:
    page = "above\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nbelow\n"
    assert splice(page, "new") == page.replace("old", "new")
    assert splice(splice(page, "new"), "new") == splice(page, "new")
    with pytest.raises(ValueError, match="must hold the lines"):
        splice("nothing here", "new")
