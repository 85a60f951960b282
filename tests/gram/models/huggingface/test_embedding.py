"""A folder embedded: rows, names, media, faults, and going on where it was stopped."""

import json
import os

import numpy as np
import pytest

from gram.data.embedding_set import EmbeddingSet, FeatureSet
from gram.errors import EmbeddingSetError, MediaError, ModelError
from gram.models import huggingface as encoders
from tests.helpers import tiny_encoders as tiny


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


def test_a_bad_file_is_named_or_skipped_and_counted(folder, tmp_path, clip):
    (folder / "item1.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing of use")
    with pytest.raises(MediaError, match=r"item1\.png: this is not a picture that can be read.*--skip-bad"):
        encoders.embed_folder(folder, tmp_path / "out", [clip])
    made = encoders.embed_folder(folder, tmp_path / "out", [clip], skip_bad=True)
    assert len(made.skipped) == 1
    assert "item1.png" in made.skipped[0]
    assert EmbeddingSet.load(tmp_path / "out").present("image").tolist() == [True, False, False, True, True]


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
