"""A folder embedded: rows, names, media, faults, and going on where it was stopped."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.errors import EmbeddingSetError, GramError, MediaError, ModelError
from gram.models import huggingface as encoders
from gram.models.huggingface.encoder import Encoder
from tests.helpers import tiny_encoders as tiny


@pytest.fixture
def clip(made):
    return encoders.load(f"clip={made('clip')}", device="cpu")


@pytest.fixture
def clap(made):
    return encoders.load(f"clap={made('clap', fusion=False)}", device="cpu")


@pytest.fixture
def folder(tmp_path):
    """Five items; item2 lacks its picture, item3 its text, and the sounds are those of items 0 and 4."""
    path = tmp_path / "things"
    path.mkdir()
    for i, text in enumerate(tiny.sentences()):
        if i != 3:
            (path / f"item{i}.txt").write_text(text + "\n", encoding="utf-8")
        if i != 2:
            tiny.picture(path / f"item{i}.png", i)
        if i in (0, 4):
            tiny.recording(path / f"item{i}.wav", i, rate=8000)
    return path


@pytest.fixture
def calls(monkeypatch):
    """Count what the model is given: (kind, how many), batch by batch."""
    seen, batch = [], Encoder._batch

    def counted(self, modality, inputs):
        seen.append((modality, len(inputs)))
        return batch(self, modality, inputs)

    monkeypatch.setattr(Encoder, "_batch", counted)
    return seen


def test_files_of_one_stem_are_one_item_and_what_is_missing_is_nan(folder, tmp_path, clip):
    made = encoders.embed_folder(folder, tmp_path / "out", [clip], batch_size=2)
    s = EmbeddingSet.load(tmp_path / "out")
    assert s.names == ["text", "image"]
    assert s.items["id"].tolist() == [f"item{i}" for i in range(5)]
    assert s.missing() == {"text": 1, "image": 1}
    assert not s.present("image")[2]
    for i in (0, 1, 3, 4):  # each alone: order and batches leave no trace
        alone = clip.encode("image", [folder / f"item{i}.png"])[0]
        np.testing.assert_allclose(s.modalities["image"][i], alone, atol=2e-5)
    assert s.items["text"].tolist()[:2] == tiny.sentences()[:2]
    assert s.items["media_image"].isna().tolist() == [False, False, True, False, False]
    assert s.media_file(0, "media_image").read_bytes() == (folder / "item0.png").read_bytes()
    assert s.media_file(4, "media_audio").is_file()
    assert (made.computed, made.resumed) == (8, 0)
    assert made.notes == ("no encoder given for audio; kept as media only",)
    assert not (tmp_path / "out" / ".parts").exists()


def test_two_encoders_of_text_are_told_apart_by_their_labels(folder, tmp_path, clip, made):
    bert = encoders.load(f"bert={made('text_model', 'bert')}", device="cpu")
    encoders.embed_folder(folder, tmp_path / "out", [clip, bert])
    s = FeatureSet.load(tmp_path / "out")
    assert s.sizes == {"clip-text": 12, "bert-text": 16, "image": 12}
    assert s.info["encoders"][0]["modalities"] == {"clip-text": "text", "image": "image"}


def test_equal_sizes_of_two_encoders_are_said_to_be_no_shared_space(folder, tmp_path, clip, clap):
    made = encoders.embed_folder(folder, tmp_path / "out", [clip, clap])
    assert EmbeddingSet.load(tmp_path / "out").names == ["clip-text", "clap-text", "image", "audio"]
    assert any("share no space" in note for note in made.notes)


def test_sub_folders_are_modalities(tmp_path, clip):
    for name in ("photo", "sketch"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for i in range(2):
            tiny.picture(tmp_path / "in" / name / f"{i}.png", i + 10 * (name == "sketch"))
    encoders.embed_folder(tmp_path / "in", tmp_path / "out", [clip])
    s = EmbeddingSet.load(tmp_path / "out")
    assert s.names == ["photo", "sketch"]
    expected = clip.encode("image", [tmp_path / "in" / "sketch" / "1.png"])[0]
    np.testing.assert_allclose(s.modalities["sketch"][1], expected, atol=2e-5)
    assert s.media_file(1, "media_sketch").is_file()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_keeps_its_order_and_its_columns(folder, tmp_path, clip, suffix):
    table = pd.DataFrame({
        "picture": ["item4.png", None, "item0.png", "gone.png"], "caption": ["one", "two", None, "three"],
        "label": ["b", "a", "b", "a"],
    })  # fmt: skip
    write = {"csv": lambda f: table.to_csv(f, index=False), "parquet": table.to_parquet,
             "jsonl": lambda f: table.to_json(f, orient="records", lines=True)}  # fmt: skip
    write[suffix](folder / f"items.{suffix}")
    encoders.embed_folder(folder, tmp_path / "out", [clip])
    s = EmbeddingSet.load(tmp_path / "out")
    assert s.names == ["caption", "picture"]
    assert s.present("picture").tolist() == [True, False, True, False]
    assert s.present("caption").tolist() == [True, True, False, True]
    assert s.items["label"].tolist() == ["b", "a", "b", "a"]
    np.testing.assert_allclose(s.modalities["caption"][1], clip.encode("text", ["two"])[0], atol=2e-5)


def test_stopped_it_goes_on_and_computes_nothing_twice(folder, tmp_path, clip, calls):
    out = tmp_path / "out"

    def stop(share, stage):
        if share >= 4 / 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoders.embed_folder(folder, out, [clip], batch_size=2, progress=stop)
    assert sum(n for _, n in calls) == 4
    (folder / "item0.txt").write_text("the red dog", encoding="utf-8")  # changed meanwhile: it comes again
    os.utime(folder / "item0.txt", ns=(1, 1))
    calls.clear()
    told = []
    made = encoders.embed_folder(folder, out, [clip], batch_size=2, progress=lambda *now: told.append(now))
    assert (made.computed, made.resumed) == (5, 3)
    assert sum(n for _, n in calls) == 5
    assert told[0] == (3 / 8, "3 of 8 inputs")
    assert told[-1] == (1, "8 of 8 inputs")
    s = EmbeddingSet.load(out)
    np.testing.assert_allclose(s.modalities["text"][0], clip.encode("text", ["the red dog"])[0], atol=2e-5)
    np.testing.assert_allclose(s.modalities["text"][1], clip.encode("text", [tiny.sentences()[1]])[0], atol=2e-5)


def test_a_part_that_a_crash_cut_short_is_made_again(folder, tmp_path, clip):
    parts = tmp_path / "out" / ".parts"
    parts.mkdir(parents=True)
    (parts / "000000-aa.safetensors").write_bytes(b"cut short")
    assert encoders.embed_folder(folder, tmp_path / "out", [clip]).computed == 8


def test_a_bad_file_is_named_or_skipped_and_counted(folder, tmp_path, clip):
    (folder / "item1.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing of use")
    with pytest.raises(MediaError, match=r"item1\.png: this is not a picture that can be read.*--skip-bad"):
        encoders.embed_folder(folder, tmp_path / "out", [clip])
    made = encoders.embed_folder(folder, tmp_path / "out", [clip], skip_bad=True)
    assert len(made.skipped) == 1
    assert "item1.png" in made.skipped[0]
    assert EmbeddingSet.load(tmp_path / "out").present("image").tolist() == [True, False, False, True, True]


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda f: (f / "item0.txt").write_bytes(b"\xff\xfe\xff"), r"item0\.txt: this text is not UTF-8"),
    (lambda f: (f / "item0.txt").write_text("  "), r"item0\.txt: this text is empty"),
    (lambda f: (f / "item0.jpg").write_bytes(b"x"), r"item0\.jpg and item0\.png would both be the image"),
    (lambda f: pd.DataFrame({"image": ["/etc/a.png"]}).to_csv(f / "items.csv"), "not a path inside"),
    (lambda f: pd.DataFrame({"image": ["../a.png"]}).to_csv(f / "items.csv"), "not a path inside"),
    (lambda f: pd.DataFrame({"label": ["a"]}).to_csv(f / "items.csv"), "no column with paths of media"),
    (lambda f: (f / "items.parquet").write_bytes(b"x"), "cannot be read as a table"),
    (lambda f: [file.unlink() for file in f.iterdir()], "no media in it"),
    (lambda f: shutil.rmtree(f), "neither a folder nor a table"),
])  # fmt: skip
def test_what_is_wrong_with_a_folder_is_said_in_a_line(folder, tmp_path, clip, spoil, message):
    spoil(folder)
    with pytest.raises(GramError, match=message) as caught:
        encoders.embed_folder(folder, tmp_path / "out", [clip])
    assert "\n" not in str(caught.value)


def test_encoders_that_do_not_fit_are_said(folder, tmp_path, clip, made):
    with pytest.raises(ModelError, match="two encoders are called 'clip'"):
        encoders.embed_folder(folder, tmp_path / "out", [clip, clip])
    for file in folder.glob("*.wav"):
        file.unlink()
    hears = encoders.load(f"hears={made('audio_model', 'hubert', norm='layer')}", device="cpu")
    with pytest.raises(ModelError, match=r"hears embeds audio, and .* has none"):
        encoders.embed_folder(folder, tmp_path / "out", [clip, hears])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("x")
    with pytest.raises(EmbeddingSetError, match="not an embedding set and not empty"):
        encoders.embed_folder(folder, tmp_path / "mine", [clip])


def test_the_command_embeds_and_tells_in_json(folder, tmp_path, made, capsys):
    from gram.cli import main

    out = tmp_path / "out"
    argv = ["embed", "--encoder", f"clip={made('clip')}", "--encoder", f"bert={made('text_model', 'bert')}"]
    assert main([*argv, str(folder), "--out", str(out), "--json", "--device", "cpu", "--batch", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["modalities"] == {"clip-text": 12, "bert-text": 16, "image": 12}
    assert (told["items"], told["computed"], told["resumed"]) == (5, 12, 0)
    assert main([*argv, str(folder), "--out", str(out), "--device", "cpu"]) == 0
    assert f"python -m gram align {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [["somewhere"], ["--encoder", "a=b"], ["--encoder", "a=b", "somewhere", "--items", "3"]]
)
def test_wrong_usage_is_said(argv, tmp_path, capsys):
    from gram.cli import main

    assert main(["embed", *argv, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("gram embed: error: ")


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
