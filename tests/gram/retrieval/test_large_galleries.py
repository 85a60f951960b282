"""Sets that stay on disk: opened without being read, and asked by inner products that are read through once a query."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from gram.data.embedding_set import EmbeddingSet
from gram.data.segments import map_segments
from gram.errors import EmbeddingSetError
from gram.retrieval import compiled_products as _compiled_products
from gram.retrieval import products as _products
from gram.retrieval.one_query import Candidates
from gram.retrieval.product_scores import MEASURES
from gram.retrieval.query import JointQuery, Query
from gram.retrieval.retriever import Retriever, compare, scores_of_all
from tests.helpers.oracle import cosine, pair_score, volume

N, D, NAMES = 900, 12, ("text", "image", "speech", "tones")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set in float16 with rows of any length, of items that lack modalities, and some whose vectors nearly depend."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(N, D))
    vectors = {name: (shared + rng.normal(size=(N, D))) * rng.uniform(0.2, 5, size=(N, 1)) for name in NAMES}
    vectors["speech"][40:60] = -2 * vectors["image"][40:60] + 1e-3 * rng.normal(size=(20, D))
    vectors["image"][70] = 3 * vectors["text"][70]
    for place, name in enumerate(NAMES[1:]):
        vectors[name][100 * place : 100 * place + 150 : 3] = np.nan
    vectors["text"][5] = np.nan
    for name in NAMES[1:]:
        vectors[name][7] = np.nan
    folder = tmp_path_factory.mktemp("large") / "set"
    arrays = {name: rows.astype(np.float16) for name, rows in vectors.items()}
    EmbeddingSet(arrays, pd.DataFrame({"id": np.arange(N) * 10})).save(folder)
    return folder


@pytest.fixture(params=["widened", "compiled"])
def streamed(monkeypatch, request):
    monkeypatch.setattr("gram.retrieval.one_query.KEEP", 0)
    monkeypatch.setattr(_products, "_BLOCK", 8 * D)  # many blocks, in several segments
    monkeypatch.setattr(_products, "_COMPILED_BLOCK", 8 * D)
    monkeypatch.setattr(_products, "_COMPILED_FROM", 0 if request.param == "compiled" else np.inf)


def score(measure, anchor, candidate):
    """Return the score of an anchor with a candidate, for the measures that the oracle lacks too."""
    everything = np.vstack([anchor[None], candidate])
    if measure == "normalized-volume":
        return -(volume(everything) ** (1 / len(everything)))
    if measure == "cosine-max":
        return max(cosine(anchor, vector) for vector in candidate)
    if measure == "pairwise-mean":
        return np.mean([cosine(one, other) for one, other in combinations(everything, 2)])
    if measure == "singular":
        return np.linalg.norm(everything, ord=2)
    return pair_score(measure, anchor, candidate)


def by_hand(made, measure, asked, candidates, rows):
    """Return the scores of rows by the oracle, from unit vectors in float64; NaN where an item has no candidate."""
    found = []
    for row in rows:
        own = [made.modalities[name][row].double().numpy() for name in candidates]
        own = [vector / np.linalg.norm(vector) for vector in own if not np.isnan(vector).any()]
        found.append(score(measure, asked[0], np.stack([*asked[1:], *own])) if own else np.nan)
    return np.array(found)


def unit(made, name, row):
    vector = made.modalities[name][row].double().numpy()
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("measure", [*MEASURES, "singular"])
def test_a_set_on_disk_is_answered_as_brute_force_does(folder, streamed, measure):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("image", "speech", "tones")
    retriever = Retriever(made, candidates=candidates, measure=measure, normalize=True)
    for row in (3, 45, 70):
        answer = retriever.ask(Query("text", id=str(10 * row)), k=20)
        scores = by_hand(made, measure, [unit(made, "text", row)], candidates, range(N))
        assert answer.size == N - 1  # item 7 has none
        order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
        assert [hit.row for hit in answer.hits] == order[:20].tolist()
        assert answer.true.rank == 1 + np.sum(scores > scores[row] + 1e-9)
        np.testing.assert_allclose([hit.score for hit in answer.hits], scores[order[:20]], rtol=1e-6, atol=1e-9)
        assert answer.true.id == str(10 * row)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("d", [1, 7, 64, 515])
def test_compiled_products_are_numpys(dtype, d):
    rng = np.random.default_rng(d)
    rows = (rng.normal(size=(2, 40, d)) * 10.0 ** rng.integers(-7, 3, size=(2, 40, d))).astype(dtype)  # subnormal too
    rows[0, 3], rows[1, 4, 0] = np.nan, np.inf
    vectors = rng.normal(size=(3, d))
    wide = rows.astype(float)
    stored = [_compiled_products.as_stored(each) for each in rows]
    assert _compiled_products.reads(rows.dtype)
    across, within = np.zeros((40, 3, 2)), np.zeros((40, 2, 2))
    _compiled_products.with_vectors(stored[0], vectors, across[:, :, 1])
    _compiled_products.with_each_other(stored[0], stored[1], within[:, 1, 0])
    sizes = np.abs(wide[0]) @ np.abs(vectors.T), (np.abs(wide[0]) * np.abs(wide[1])).sum(axis=1)
    told = wide[0] @ vectors.T, (wide[0] * wide[1]).sum(axis=1)
    for found, expected, size in zip((across[:, :, 1], within[:, 1, 0]), told, sizes):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        finite = np.isfinite(expected)
        assert (np.abs(found[finite] - expected[finite]) <= 1e-13 * size[finite]).all()
        np.testing.assert_array_equal(found[~finite], expected[~finite])
    assert not across[:, :, 0].any()


def test_a_joint_query_is_answered_as_brute_force_does(folder, streamed):
    made = EmbeddingSet.load(folder, lazily=True)
    candidates = ("speech", "tones")
    retriever = Retriever(made, candidates=candidates, normalize=True)
    answer = retriever.ask(JointQuery((Query("text", id="30"), Query("image", id="40"))), k=5)
    scores = by_hand(made, "volume", [unit(made, "text", 3), unit(made, "image", 4)], candidates, range(N))
    order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
    assert [hit.row for hit in answer.hits] == order[:5].tolist()


@pytest.mark.parametrize("measure", MEASURES)
def test_products_leave_open_what_they_do_not_tell(measure, streamed):
    rng = np.random.default_rng(0)
    anchor = rng.normal(size=D)
    first = rng.normal(size=(400, D))
    second = -first + 10.0 ** rng.uniform(-9, 1, size=(400, 1)) * rng.normal(size=(400, D))
    first[::7] = anchor + 10.0 ** rng.uniform(-6, 0, size=(len(first[::7]), 1)) * rng.normal(size=D)
    stacked = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    asked = anchor / np.linalg.norm(anchor)
    found = Candidates(measure, [torch.from_numpy(each) for each in stacked], device=torch.device("cpu"))
    scores = found.rank(torch.from_numpy(asked)[None]).scores
    told = np.array([score(measure, asked, np.stack(pair)) for pair in zip(*stacked)])
    base = np.linalg.norm(stacked[0] + stacked[1], axis=1)  # about: the two are nearly opposite
    np.testing.assert_allclose(scores[base > 1e-4], told[base > 1e-4], rtol=1e-7, atol=1e-9)


def test_two_measures_read_a_gallery_once_and_a_question_again_not_at_all(folder, streamed, monkeypatch):
    made = EmbeddingSet.load(folder, lazily=True)
    left = Retriever(made, candidates=NAMES[1:], normalize=True)
    right = Retriever(made, candidates=NAMES[1:], measure="cosine", normalize=True, beside=left)
    shares = []
    first = compare(Query("text", id="30"), left, right, progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 3
    assert shares[-1] == 0.5  # all of it was read for the left one
    again = compare(Query("text", id="30"), left, right, k=25, progress=shares.append)
    assert shares[-1] == 0.5
    assert again.left.hits[:10] == first.left.hits
    other = Retriever(made, candidates=("image",), measure="cosine", normalize=True, beside=left)
    answer = other.ask(Query("text", id="30"))
    scores = by_hand(made, "cosine", [unit(made, "text", 3)], ("image",), [hit.row for hit in answer.hits])
    np.testing.assert_allclose([hit.score for hit in answer.hits], scores, rtol=1e-9)
    unlisted = left.ask(Query("text", id="70"))  # item 7 has none of the candidates, and so has no rank
    assert unlisted.true is None
    assert left.ranks_of(unlisted.embedding, ["70", "30", "none"]).keys() == {"30"}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_scores_of_all_are_those_of_brute_force(folder, measure):
    made = EmbeddingSet.load(folder).normalized()
    found = scores_of_all(made.modalities["text"][3], made, NAMES[1:], measure=measure)
    told = by_hand(made, measure, [unit(made, "text", 3)], NAMES[1:], range(N))
    told[7] = -np.inf  # it has none of the candidates
    np.testing.assert_allclose(found, told, rtol=1e-5, atol=1e-7)
    assert np.isnan(scores_of_all(made.modalities["text"][5], made, NAMES[1:], measure=measure)).all()


def test_a_set_opened_lazily_is_what_it_is_when_read(folder):
    lazily, read = EmbeddingSet.load(folder, lazily=True), EmbeddingSet.load(folder)
    rows = [7, 0, 140, 899]
    for one, other in ((lazily.subset(rows), read.subset(rows)), (lazily, read)):
        assert one.missing() == other.missing()
        for name in NAMES:
            assert torch.equal(one.present(name), other.present(name))
    assert EmbeddingSet.load(folder, lazily=True).normalized().missing() == read.missing()


def test_a_bad_row_is_refused_when_it_is_used(tmp_path):
    arrays = {name: np.ones((50, 4), dtype=np.float32) for name in ("text", "image")}
    EmbeddingSet(arrays, pd.DataFrame({"id": [f"x{row}" for row in range(50)]})).save(tmp_path / "set")
    file = tmp_path / "set" / "embeddings.safetensors"
    content = bytearray(file.read_bytes())
    at = len(content) - 50 * 16 + 30 * 16  # row 30 of the last tensor in the file
    content[at : at + 16] = bytes(16)
    file.write_bytes(bytes(content))
    made = EmbeddingSet.load(tmp_path / "set", lazily=True)
    assert len(made.subset([1, 2])) == 2
    with pytest.raises(EmbeddingSetError, match=r"row 30 \(id 'x30'\) is all zeros"):
        made.subset([3, 30])
    with pytest.raises(EmbeddingSetError, match=r"row 30 \(id 'x30'\) is all zeros"):
        made.missing()


@pytest.mark.parametrize(("ids", "asked", "row"), [
    ([5, -3, 70], "-3", 1), ([5, -3, 70], 70, 2), ([5, -3, 70], "070", None), ([5, -3, 70], "x", None),
    ([5, -3, 70], "5" * 40, None), (["a", "7", "c"], 7, 1), (["a", "7", "c"], "b", None), ([0.5, 1.0, 2.0], "1.0", 1),
    ([True, False], "False", 1),
])  # fmt: skip
def test_an_item_is_found_by_its_id_as_text(ids, asked, row):
    made = EmbeddingSet({"text": np.ones((len(ids), 2))}, pd.DataFrame({"id": ids}))
    assert made.find(asked) == row
    if row is None:
        with pytest.raises(EmbeddingSetError, match="no item has the id"):
            made.row(asked)
    else:
        assert made.row(asked) == row


def test_another_table_of_the_same_items_is_taken(folder):
    made = EmbeddingSet.load(folder)
    named = made.with_items(made.items.assign(label="x"))
    assert named.items["label"].eq("x").all()
    assert "label" not in made.items
    assert named.modalities["text"] is made.modalities["text"]
    turned = made.with_items(made.items[::-1].reset_index(drop=True))
    assert (named.find("30"), turned.find("30")) == (3, N - 4)
    with pytest.raises(ValueError, match="expected 900 rows with a column 'id', got 2"):
        made.with_items(made.items.head(2))


def test_long_work_is_done_once_a_row_and_stops_at_an_error():
    seen = np.zeros(1000, dtype=int)

    def work(segment):
        seen[segment] += 1
        return segment.stop

    assert [told for _, told in map_segments(1000, 3, work, elements=30)] == [*range(16, 1001, 16), 1000]
    assert (seen == 1).all()

    def failing(segment):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(map_segments(1000, 3, failing, elements=30))


@pytest.fixture
def on_disk(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """A saved set of 300 items in float16, of which some lack a modality, and its rows."""
    rng = np.random.default_rng(11)
    rows = {name: rng.normal(size=(300, 7)).astype(np.float16) for name in ("text", "image")}
    rows["image"][[4, 250]] = np.nan
    EmbeddingSet(rows, pd.DataFrame({"id": [f"no {row}" for row in range(300)]})).save(tmp_path / "set")
    return tmp_path / "set", rows


WANTED = [250, 3, 299, 0, 17]


def test_a_few_rows_of_a_large_set_are_read_without_its_map(on_disk):
    folder, rows = on_disk
    lazy = EmbeddingSet.load(folder, lazily=True)
    lazy.modalities = {name: torch.full_like(mapped, 5.0) for name, mapped in lazy.modalities.items()}
    for some in (lazy.subset(WANTED), lazy.with_items(lazy.items.assign(label="one")).subset(WANTED)):
        assert some.items["id"].tolist() == [f"no {row}" for row in WANTED]
        assert some.missing() == {"text": 0, "image": 1}
        for name, values in rows.items():
            np.testing.assert_array_equal(some.modalities[name].numpy(), values[WANTED])
            assert some.modalities[name].dtype == torch.float16
    many = lazy.subset(list(range(150)))  # through the map, for it is read whole
    assert (many.modalities["text"] == 5).all()


def test_rows_read_later_are_of_the_set_that_was_opened(on_disk):
    folder, rows = on_disk
    lazy = EmbeddingSet.load(folder, lazily=True)
    EmbeddingSet({name: np.ones_like(values) for name, values in rows.items()}, lazy.items).save(folder)
    np.testing.assert_array_equal(lazy.subset(WANTED).modalities["text"].numpy(), rows["text"][WANTED])


def test_a_bad_row_among_a_few_is_named_as_it_is_in_the_file(on_disk):
    folder, rows = on_disk
    broken = rows["text"].copy()
    broken[299] = 0
    save_file({"text": broken, "image": rows["image"]}, folder / "embeddings.safetensors")
    with pytest.raises(EmbeddingSetError, match=r"modality 'text', row 299 \(id 'no 299'\) is all zeros"):
        EmbeddingSet.load(folder, lazily=True).subset(WANTED)


def test_repeated_ids_are_refused_however_a_set_is_opened(on_disk):
    folder, _ = on_disk
    items = pd.read_parquet(folder / "items.parquet")
    items.loc[7, "id"] = "no 2"
    items.to_parquet(folder / "items.parquet")
    for lazily in (False, True):
        with pytest.raises(EmbeddingSetError, match=r"row 7 repeats the id 'no 2' of row 2"):
            EmbeddingSet.load(folder, lazily=lazily)
