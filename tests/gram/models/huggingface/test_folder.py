"""Items of a folder: sub-folders, tables, and what is refused."""

import shutil

import numpy as np
import pandas as pd
import pytest

from gram.data.embedding_set import EmbeddingSet
from gram.errors import GramError
from gram.models import huggingface as encoders
from tests.helpers import tiny_encoders as tiny


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
