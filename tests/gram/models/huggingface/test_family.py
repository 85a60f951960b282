"""A family is one file: found in a folder of one's own, opened and used like those of the package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from gram.models.huggingface.family import FAMILIES, Family, mean_over

TOY = """
from gram.models.huggingface.family import Family, register

@register({"toy": "BertModel"})
class Toy(Family):
    modalities = ("text",)

    def texts(self, texts):
        return self.run(self.model, **self.tokens(texts)).last_hidden_state[:, 1]
"""
USE = """
import sys, numpy
from gram.models import huggingface
encoder = huggingface.load(f"mine={sys.argv[1]}", device="cpu")
print(encoder)
numpy.save(sys.argv[2], encoder.encode("text", ["cat sleeps", "a dog barks"]).numpy())
"""


def test_a_family_of_ones_own_is_one_file(made, tmp_path: Path) -> None:
    shutil.copytree(made("text_model", "bert"), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "model_type": "toy"}))
    (tmp_path / "toy.py").write_text(TOY)
    command = [sys.executable, "-c", USE, str(tmp_path / "model"), str(tmp_path / "vectors.npy")]
    without = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert "type 'toy' is not known here; known are albert, " in without.stderr
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "GRAM_PLUGINS": str(tmp_path / "toy.py")}
    )
    assert "Encoder('mine', toy: text, from" in done.stdout, done.stderr
    model = hf.BertModel.from_pretrained(made("text_model", "bert")).eval()
    read = hf.AutoTokenizer.from_pretrained(made("text_model", "bert"))
    with torch.no_grad():
        expected = [model(**read(text, return_tensors="pt")).last_hidden_state[0, 1] for text in
                    ("cat sleeps", "a dog barks")]  # fmt: skip
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), torch.stack(expected), atol=2e-5)


def test_every_type_has_a_class_in_transformers() -> None:
    assert len(FAMILIES) == 23
    for kind, family in FAMILIES.items():
        assert hasattr(hf, family.types[kind]), kind
        assert family.modalities


def test_a_modality_without_a_method_is_an_error() -> None:
    class Silent(Family):
        modalities = ("text",)

    for method in (Family.texts, Family.pictures, Family.recordings):
        with pytest.raises(NotImplementedError):
            method(Silent.__new__(Silent), [])


def test_the_mean_leaves_padding_out() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [7.0], [9.0]]])
    valid = torch.tensor([[True, True, False], [True, True, True]])
    assert mean_over(states, valid).tolist() == [[2.0], [7.0]]
