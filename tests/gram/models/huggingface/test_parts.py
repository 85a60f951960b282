"""Finished vectors on disk: what a crash leaves is recomputed."""

from gram.models import huggingface as encoders


def test_a_part_that_a_crash_cut_short_is_made_again(folder, tmp_path, clip):
    parts = tmp_path / "out" / ".parts"
    parts.mkdir(parents=True)
    (parts / "000000-aa.safetensors").write_bytes(b"cut short")
    assert encoders.embed_folder(folder, tmp_path / "out", [clip]).computed == 8
