"""Live queries to a set by the encoders that made it, with and without heads."""

import shutil

import numpy as np
import pytest
import torch

from gram.data.embedding_set import EmbeddingSet
from gram.errors import ModelError
from gram.models import huggingface as encoders
from tests.helpers import tiny_encoders as tiny


def test_a_set_answers_live_queries_with_the_encoders_that_made_it(folder, tmp_path, clip, made):
    encoders.embed_folder(folder, tmp_path / "out", [clip])
    s = EmbeddingSet.load(tmp_path / "out")
    live = encoders.encoders_for(s, device="cpu")
    assert live.modalities == ("text", "image")
    assert live.kinds == {"text": "text", "image": "image"}
    vector = live.encode("image", [(folder / "item3.png").read_bytes()])
    np.testing.assert_allclose(vector[0], s.modalities["image"][3], atol=2e-5)

    class Doubling:
        modalities = ("text",)

        def encode(self, modality, rows):
            return torch.cat([rows, rows], dim=1)

    aligned = encoders.encoders_for(s, heads=Doubling(), device="cpu")
    assert aligned.modalities == ("text",)
    vector = aligned.encode("text", [tiny.sentences()[0]])[0]
    np.testing.assert_allclose(vector, torch.cat([s.modalities["text"][0]] * 2), atol=2e-5)
    with pytest.raises(ModelError, match="no encoder with a head gives 'image'"):
        aligned.encode("image", [])


def test_a_set_whose_encoders_are_gone_or_changed_answers_none_or_says_so(folder, tmp_path, made):
    where = tmp_path / "model"
    shutil.copytree(made("clip"), where)
    encoders.embed_folder(folder, tmp_path / "out", [encoders.load(f"clip={where}", device="cpu")])
    s = EmbeddingSet.load(tmp_path / "out")
    (where / "model.safetensors").rename(where / "kept")
    assert encoders.encoders_for(s, device="cpu") is None
    from safetensors.torch import load_file, save_file

    save_file({k: v * 1.5 for k, v in load_file(where / "kept").items()}, where / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="no longer the encoder that made this set"):
        encoders.encoders_for(s, device="cpu")
    shutil.rmtree(where)
    assert encoders.encoders_for(s, device="cpu") is None
    for odd in (None, "x", [1], [{"label": "a"}]):
        s.info["encoders"] = odd
        assert encoders.encoders_for(s, device="cpu") is None
