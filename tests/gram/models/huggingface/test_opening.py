"""What is opened and what is not: safetensors alone, known types alone, and each refusal in one line."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers as hf

from gram.errors import ModelError
from gram.models import huggingface as encoders
from tests.helpers.direct_encoders import CLOSE, load, tokens_of


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made("clip"), tmp_path / "clip")
    return tmp_path / "clip"


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(1)}, folder / "pytorch_model.bin")


def edited(**changes):
    def edit(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return edit


def lacking(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(("spoil", "message"), [
    (pickled, "holds no safetensors weights"),
    (lambda f: (f / "model.safetensors").write_bytes(b"cut short"), "is damaged"),
    (lambda f: (f / "config.json").unlink(), "holds no config"),
    (lambda f: (f / "config.json").write_text("{"), "cannot be opened|is damaged"),
    (lambda f: (f / "preprocessor_config.json").unlink(), "cannot be opened"),
    (edited(model_type="gpt2"), "type 'gpt2' is not known here; known are .*clip"),
    (edited(model_type="own", auto_map={"AutoModel": "evil.Model"}), "type 'own' is not known"),
    (lacking, r"lack 1 of the model's tensors, such as text_projection\.weight"),
    (shutil.rmtree, "no such folder"),
])  # fmt: skip
def test_what_cannot_be_opened_safely_is_refused_in_a_line(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        encoders.load(f"clip={folder}", device="cpu")
    assert "\n" not in str(caught.value)


def test_code_beside_a_known_model_is_never_run(folder):
    (folder / "evil.py").write_text("raise SystemExit('ran')\n")
    edited(auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"})(folder)
    assert encoders.load(f"clip={folder}", device="cpu").kind == "clip"


def test_a_name_that_is_not_at_hand_says_what_to_do():
    with pytest.raises(ModelError, match=r"nobody/no-such-model: cannot be fetched .*or give the folder") as caught:
        encoders.load("clip=nobody/no-such-model", device="cpu", offline=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["=models/clip", "clip=", ""])
def test_a_specification_has_a_label_and_a_model(spec):
    with pytest.raises(ModelError, match="is not an encoder; give LABEL=FOLDER_OR_NAME"):
        encoders.load(spec)


def test_without_transformers_it_says_how_to_get_it(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"pip install gram\[encoders\]"):
        encoders.load(f"clip={folder}", device="cpu")


def test_nothing_imports_transformers_before_an_encoder_is_opened():
    code = "import sys, gram.models.huggingface, gram.cli, gram.retrieval; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sentence_transformers_folders_say_how_they_pool(made, tmp_path):
    import json
    import shutil

    folder = tmp_path / "sentence"
    shutil.copytree(made("text_model", "bert"), folder)
    kinds = [{"path": "", "type": "st.models.Transformer"}, {"path": "1_Pooling", "type": "st.models.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(kinds))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    with torch.no_grad():
        state = hf.BertModel.from_pretrained(folder).eval()(**tokens_of(folder, "a cat")).last_hidden_state[0, 0]
    np.testing.assert_allclose(load(folder).encode("text", ["a cat", "the dog barks"])[0], state, **CLOSE)

    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(ModelError, match="pools by pooling_mode_max_tokens"):
        load(folder)
    (folder / "modules.json").write_text(json.dumps([*kinds, {"path": "2_Dense", "type": "st.models.Dense"}]))
    with pytest.raises(ModelError, match="its step Dense"):
        load(folder)
