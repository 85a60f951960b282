"""Embedding sets in memory: what is kept, what is given back, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

import gram
from gram import EmbeddingSet, EmbeddingSetError
from tests.helpers.toy_sets import edit_embeddings, make_arrays, make_items, make_set


def test_holds_what_it_was_given():
    arrays, items = make_arrays(), make_items()
    s = EmbeddingSet(modalities=arrays, items=items, info={"name": "toy"})
    assert list(s.modalities) == s.names == ["text", "image", "speech"]
    assert (len(s), s.d, s.anchor, s.path) == (6, 4, "text", None)
    for name, array in arrays.items():
        assert isinstance(s.modalities[name], torch.Tensor)
        np.testing.assert_array_equal(s.modalities[name].numpy(), array)
    pd.testing.assert_frame_equal(s.items, items)
    assert "toy" in repr(s)
    assert "n=6, k=3, d=4" in repr(s)


def test_anchor_comes_from_info():
    assert make_set(anchor="speech").anchor == "speech"


def test_items_are_numbered_anew_and_info_is_a_copy():
    info = {"tags": ["a"]}
    items = make_items().set_index(pd.Index(range(10, 16)))
    s = EmbeddingSet(modalities=make_arrays(), items=items, info=info)
    info["tags"].append("b")
    assert list(s.items.index) == list(range(6))
    assert s.info == {"tags": ["a"]}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (torch.float16, torch.float16),
        (torch.float32, torch.float32),
        (torch.float64, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_types_that_a_set_keeps(given, kept):
    x = torch.randn(3, 5).to(given)
    s = EmbeddingSet(modalities={"text": x}, items=make_items(3))
    assert s.modalities["text"].dtype == kept
    torch.testing.assert_close(s.modalities["text"], x.to(kept), rtol=0, atol=0)


def test_arrays_that_torch_cannot_share():
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    for odd in (frozen, x[::-1], np.asfortranarray(x), x.astype(">f4"), x.tolist()):
        s = EmbeddingSet(modalities={"text": odd}, items=make_items(5))
        np.testing.assert_array_equal(s.modalities["text"].numpy(), np.asarray(odd, dtype=np.float32))


def test_arrays_are_not_copied_without_need():
    arrays = make_arrays()
    s = EmbeddingSet(modalities=arrays, items=make_items())
    assert s.modalities["text"].numpy().ctypes.data == arrays["text"].ctypes.data


def test_missing_modalities_are_counted():
    arrays = make_arrays()
    arrays["image"][[1, 4]] = np.nan
    s = EmbeddingSet(modalities=arrays, items=make_items())
    assert s.missing() == {"text": 0, "image": 2, "speech": 0}
    assert s.present("image").tolist() == [True, False, True, True, False, True]
    with pytest.raises(ValueError, match=r"'video' is not in this set; it has text, image, speech"):
        s.present("video")


def test_row_by_id():
    s = make_set()
    assert s.row("0004") == 4
    with pytest.raises(EmbeddingSetError, match="no item has the id '9999'; give one of the set's, such as 0000, 0001"):
        s.row("9999")


def test_normalized_gives_unit_float32_rows():
    arrays = make_arrays(dtype=np.float16)
    arrays["image"][2] = np.nan
    arrays["speech"][0] *= np.float16(1e-4)
    s = EmbeddingSet(modalities=arrays, items=make_items()).normalized()
    for name, array in arrays.items():
        wide = array.astype(np.float64)
        expected = wide / np.sqrt((wide**2).sum(1, keepdims=True))
        assert s.modalities[name].dtype == torch.float32
        np.testing.assert_allclose(s.modalities[name].numpy(), expected, rtol=1e-6)
    assert s.missing()["image"] == 1


def test_normalized_survives_extreme_lengths():
    x = np.array([[3e30, 4e30], [3e-30, 4e-30]], dtype=np.float32)
    s = EmbeddingSet(modalities={"text": x}, items=make_items(2)).normalized()
    np.testing.assert_allclose(s.modalities["text"].numpy(), [[0.6, 0.8]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([3, 0], [3, 0]),
        (np.array([-1, 2]), [5, 2]),
        (torch.tensor([1]), [1]),
        (slice(1, 4), [1, 2, 3]),
        (np.array([True, False, False, True, False, False]), [0, 3]),
        (pd.Series([True, False, False, True, False, False]), [0, 3]),
    ],
)
def test_subset(rows, expected):
    arrays = make_arrays()
    arrays["image"][3] = np.nan
    s = EmbeddingSet(modalities=arrays, items=make_items(), info={"name": "toy"})
    part = s.subset(rows)
    assert part.items["id"].tolist() == [f"{i:04d}" for i in expected]
    assert list(part.items.index) == list(range(len(expected)))
    np.testing.assert_array_equal(part.modalities["image"].numpy(), arrays["image"][expected])
    assert part.missing()["image"] == (3 in expected)
    assert part.info == s.info
    assert part.names == s.names


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([], EmbeddingSetError, "no rows"),
        (slice(0, 0), EmbeddingSetError, "no rows"),
        ([1, 2, -5], EmbeddingSetError, "row 1 comes twice"),
        ([6], ValueError, "numbers from 0 to 5, got 6"),
        (np.array([True, False]), ValueError, r"mask of shape \(6,\), got \(2,\)"),
    ],
)
def test_subset_refuses(rows, error, message):
    with pytest.raises(error, match=message):
        make_set().subset(rows)


def spoil(name, row, column, value):
    def edit(arrays):
        arrays[name][row, column] = value

    return edit


BAD_ROWS = {
    "infinite": (
        spoil("image", 3, 1, np.inf),
        r"modality 'image', row 3 \(id '0003'\) has an infinite value; repair",
    ),
    "minus infinite": (spoil("text", 0, 0, -np.inf), r"modality 'text', row 0 .* infinite value"),
    "part NaN": (
        spoil("speech", 5, 2, np.nan),
        r"modality 'speech', row 5 \(id '0005'\) is NaN in part; .*whole row NaN",
    ),
    "zeros": (
        spoil("image", slice(2, 4), slice(None), 0),
        r"modality 'image', row 2 \(id '0002'\) is all zeros; .*no direc",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_bad_rows(case, dtype, tmp_path):
    edit, message = BAD_ROWS[case]
    arrays = make_arrays(dtype=dtype)
    edit(arrays)
    with pytest.raises(EmbeddingSetError, match=message):
        EmbeddingSet(modalities=arrays, items=make_items())
    make_set(dtype=dtype).save(tmp_path / "set")
    edit_embeddings(tmp_path / "set", edit)
    with pytest.raises(EmbeddingSetError, match=rf"set/embeddings.safetensors: {message}"):
        EmbeddingSet.load(tmp_path / "set")


def test_the_first_bad_row_is_named_also_far_into_a_large_set():
    n = 3000
    x = np.ones((n, 2000), dtype=np.float32)
    x[2900] = 0
    x[2901, 7] = np.inf
    with pytest.raises(EmbeddingSetError, match=r"row 2900 \(id '2900'\) is all zeros"):
        EmbeddingSet(modalities={"text": x}, items=make_items(n))


def test_tiny_and_huge_values_are_fine():
    x = np.array([[1e-42, 0], [3e38, 3e38]], dtype=np.float32)
    assert EmbeddingSet(modalities={"text": x}, items=make_items(2)).missing() == {"text": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["modalities"].clear(), "no modality; give at least one"),
        (lambda p: p["modalities"].update({"": p["modalities"]["text"]}), "called ''; give it a word"),
        (
            lambda p: p["modalities"].update(image=np.ones((5, 4))),
            r"'image' has 5 rows, but items has 6; row 5 is the first",
        ),
        (
            lambda p: p["modalities"].update(image=np.ones((7, 4))),
            r"'image' has 7 rows, but items has 6; row 6 is the first",
        ),
        (
            lambda p: p["modalities"].update(image=np.ones((6, 3))),
            r"'image' has d = 3, but 'text' has d = 4; .*project",
        ),
        (lambda p: p["modalities"].update(image=np.ones(6)), r"'image' has shape \(6,\); expected \(n, d\)"),
        (
            lambda p: p["modalities"].update(image=np.ones((6, 0))),
            r"shape \(6, 0\); expected \(n, d\).* d >= 1",
        ),
        (
            lambda p: p["modalities"].update(image=np.ones((6, 4), dtype=int)),
            "'image' is an array of int64; give float32",
        ),
        (lambda p: p["modalities"].update(image=np.ones((6, 4), dtype=complex)), "array of complex128"),
        (
            lambda p: p["modalities"].update(image=torch.ones(6, 4, dtype=torch.int32)),
            "is int32; store it as float32",
        ),
        (
            lambda p: p.update(items=p["items"].drop(columns="id")),
            r"no column 'id' \(columns: label\); add one",
        ),
        (
            lambda p: p["items"].insert(2, "label", 1, allow_duplicates=True),
            "two columns are called 'label'; rename",
        ),
        (lambda p: p.update(items=p["items"].iloc[:0]), "items: no items"),
        (
            lambda p: p["items"].__setitem__("id", list("abcbcd")),
            "row 3 repeats the id 'b' of row 1; make each id unique",
        ),
        (lambda p: p["items"].__setitem__("id", [1, 2, 3, "2", 5, 6]), "row 3 repeats the id '2' of row 1"),
        (lambda p: p["items"].__setitem__("id", [*"abcd", None, "e"]), "row 4 has no id"),
        (
            lambda p: p.update(info={"anchor": "video"}),
            "anchor 'video' is not a modality .*; use one of text, image, speech",
        ),
        (lambda p: p.update(info={"anchor": ["text"]}), r"anchor \['text'\] is not a modality"),
        (
            lambda p: p.update(info={"media": ["nowhere"]}),
            r"'media' must list columns of the items, got \['nowhere'\]",
        ),
    ],
)
def test_parts_that_do_not_make_a_set(change, message):
    parts = {"modalities": make_arrays(), "items": make_items(), "info": {}}
    change(parts)
    with pytest.raises(EmbeddingSetError, match=message):
        EmbeddingSet(**parts)


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "media/../../x.png", "..\\x.png", "C:\\x.png", "a\0b", 7])
def test_media_that_leave_the_folder(path):
    items = make_items().assign(media_image=["media/0.png", None, path, "media/3.png", np.nan, "media/5.png"])
    with pytest.raises(EmbeddingSetError, match=r"column 'media_image', row 2 \(id '0002'\) is .* not a path inside"):
        EmbeddingSet(modalities=make_arrays(), items=items)


def test_media_columns_by_name_by_content_and_by_info():
    items = make_items().assign(
        picture=[f"media/{i}.png" for i in range(6)],
        sound_media="media/a.flac",
        clip="c.flac",
        link="../not media",
    )
    s = EmbeddingSet(modalities=make_arrays(), items=items, info={"media": ["clip"]})
    assert s.media_columns == ["picture", "sound_media", "clip"]


def test_media_file_follows_no_link_out_of_the_folder(tmp_path):
    s = EmbeddingSet(
        modalities=make_arrays(), items=make_items().assign(media=["media/0.png", None, *["media/link"] * 4])
    )
    with pytest.raises(EmbeddingSetError, match="this set has no folder; save it first"):
        s.media_file(0, "media")
    s.save(tmp_path / "set")
    (tmp_path / "set" / "media").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "set" / "media" / "link").symlink_to(tmp_path / "secret")
    assert s.media_file(0, "media") == (tmp_path / "set" / "media" / "0.png").resolve()
    assert s.media_file(1, "media") is None
    with pytest.raises(EmbeddingSetError, match=r"column 'media', row 2 names 'media/link', which is outside"):
        s.media_file(2, "media")


def test_public_name():
    assert gram.EmbeddingSet is EmbeddingSet
