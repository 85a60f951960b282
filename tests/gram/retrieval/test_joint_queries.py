"""Asking in several modalities at once, against singular values and least squares in plain float64 numpy."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet
from gram.core.progress import no_progress
from gram.retrieval.comparison import compare
from gram.retrieval.query import JointQuery, Query, candidates_for
from gram.retrieval.search import Searcher, ask
from tests.helpers.oracle import cosine, pair_score, span_distance, volume

NAMES = ("image", "text", "speech", "tones")  # the anchor is not the first


MEASURES = ("volume", "height", "cosine", "centroid")


def unit(array):
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


def make_gallery(n=70, d=16, seed=5, noise=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n, d))
    vectors = {name: unit(centres + noise * rng.normal(size=centres.shape)) for name in NAMES}
    vectors["speech"][4] = np.nan
    vectors["speech"][6] = vectors["tones"][6] = np.nan
    items = pd.DataFrame({"id": [f"{row:04d}" for row in range(n)]})
    return EmbeddingSet(modalities=vectors, items=items, info={"anchor": "text"})


@pytest.fixture(scope="module")
def gallery():
    return make_gallery()


def vectors_of(gallery, row, names):
    return [gallery.modalities[name][row].numpy().astype(np.float64) for name in names]


def together(*names, item):
    return JointQuery(tuple(Query(name, id=item) for name in names))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("asked", "anchor_first"),
    [
        (("image", "text"), ("text", "image")),
        (("speech", "image"), ("speech", "image")),
        (("image", "speech", "text"), ("text", "image", "speech")),
    ],
)
def test_a_joint_score_is_that_of_all_vectors_together(gallery, measure, asked, anchor_first):
    row = 17
    own = [name for name in NAMES if name not in asked]
    anchor, *joined = vectors_of(gallery, row, anchor_first)
    there = [item for item in range(70) if not np.isnan(np.stack(vectors_of(gallery, item, own))).all()]
    scores = {item: pair_score(measure, anchor, np.stack([*joined, *vectors_of(gallery, item, own)])) for item in there}
    best = sorted(scores, key=lambda item: -scores[item])
    answer = ask(together(*asked, item="0017"), gallery=gallery, measure=measure, k=9)
    assert answer.candidates == tuple(own)
    assert tuple(answer.embeddings) == anchor_first
    assert answer.size == len(there)
    assert [hit.row for hit in answer.hits] == best[:9]
    np.testing.assert_allclose([hit.score for hit in answer.hits], [scores[item] for item in best[:9]], atol=1e-12)
    assert answer.true.rank == 1 + best.index(row)


def test_base_and_height_are_those_of_the_joint_matrix(gallery):
    answer = ask(together("image", "text", item="0030"), gallery=gallery, k=70)
    text, image = vectors_of(gallery, 30, ("text", "image"))
    for hit in answer.hits:
        own = dict(zip(("speech", "tones"), vectors_of(gallery, hit.row, ("speech", "tones"))))
        rest = np.stack([image, *(vector for vector in own.values() if not np.isnan(vector).any())])
        assert hit.base == pytest.approx(volume(rest), rel=1e-9)
        assert hit.height == pytest.approx(span_distance(text, rest), rel=1e-9)
        assert -hit.score == pytest.approx(volume(np.vstack([text, rest])), rel=1e-9)
        for name, vector in own.items():
            assert hit.cosines[name] == pytest.approx(cosine(text, vector), abs=1e-9, nan_ok=True)
    assert any(np.isnan(hit.cosines["speech"]) for hit in answer.hits)


def test_the_order_of_the_parts_does_not_matter_to_volume(gallery):
    one, other = (
        ask(together(*order, item="0021"), gallery=gallery, k=70)
        for order in (("image", "speech"), ("speech", "image"))
    )
    assert [hit.row for hit in one.hits] == [hit.row for hit in other.hits]
    np.testing.assert_allclose([hit.score for hit in one.hits], [hit.score for hit in other.hits], atol=1e-12)
    assert one.hits[0].height != pytest.approx(other.hits[0].height)


def test_a_joint_query_finds_what_each_part_alone_does_not():
    gallery = make_gallery(n=400, noise=1.3)
    rows = [row for row in range(400) if row not in (4, 6)]
    candidates = ("speech", "tones")

    def found(*asked):
        searcher = Searcher(gallery, candidates=candidates, measure="volume")
        return np.mean([searcher.search(together(*asked, item=f"{row:04d}")).found for row in rows])

    assert found("text", "image") > 1.2 * max(found("text"), found("image"))


def test_two_rankings_of_a_joint_query_know_each_others_places(gallery):
    query = together("text", "image", item="0011")
    left, right = (Searcher(gallery, candidates=("speech", "tones"), measure=name) for name in ("volume", "centroid"))
    comparison = compare(query, left, right, k=3)
    whole = [{hit.id: hit.rank for hit in searcher.search(query, k=70).hits} for searcher in (left, right)]
    shown = {hit.id for answer in (comparison.left, comparison.right) for hit in answer.hits} | {"0011"}
    assert comparison.ranks == {item: (whole[0][item], whole[1][item]) for item in shown}
    vectors = torch.stack(list(comparison.left.embeddings.values()))
    assert left.ranks_of(vectors, list(shown)) == {item: whole[0][item] for item in shown}


def test_contents_and_items_are_asked_together(gallery):
    class Model:
        def encode(self, modality, inputs):
            assert (modality, inputs) == ("text", ["four seven two one"])
            return gallery.modalities["text"][[33]]

    mixed = JointQuery((Query("image", id="0033"), Query("text", "four seven two one")))
    answer = ask(mixed, gallery=gallery, model=Model())
    same = ask(together("text", "image", item="0033"), gallery=gallery)
    assert [hit.score for hit in answer.hits] == [hit.score for hit in same.hits]
    assert answer.true.rank == same.true.rank
    assert answer.encode_seconds > 0
    assert same.encode_seconds == 0
    assert len(answer.table()) in (10, 11)


def test_parts_of_different_items_have_no_true_item(gallery):
    query = JointQuery((Query("text", id="0001"), Query("image", id="0002")))
    assert query.id is None
    assert ask(query, gallery=gallery).true is None
    assert JointQuery((Query("text", "one", "0001"), Query("image", "picture"))).id == "0001"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "expected one query or more, got none"),
        (("text", "text"), "'text' comes twice; ask with each modality once"),
    ],
)
def test_parts_that_make_no_query(parts, message):
    with pytest.raises(ValueError, match=message):
        together(*parts, item="0001")


def test_a_query_of_everything_leaves_nothing_to_judge_by(gallery):
    with pytest.raises(ValueError, match="has image, text, speech, tones, and nothing is left to judge items by"):
        ask(together(*NAMES, item="0001"), gallery=gallery)
    assert candidates_for(("text", "image"), ["image", "tones"], gallery=gallery) == ("tones",)
    with pytest.raises(ValueError, match=r"has image, text, and nothing is left .* choose more candidates"):
        candidates_for(("text", "image"), ["image"], gallery=gallery)


def test_a_candidate_may_not_be_a_part(gallery):
    with pytest.raises(ValueError, match="both have 'image'"):
        Searcher(gallery, candidates=["image"]).search(together("text", "image", item="0001"))


def test_a_model_of_another_width_is_named(gallery):
    class Model:
        def encode(self, modality, inputs):
            return torch.ones(1, 9)

    with pytest.raises(ValueError, match="embeds in 9 dimensions and the gallery has 16: give the model that made"):
        ask(Query("text", "one"), gallery=gallery, model=Model())
    with pytest.raises(ValueError, match="k: expected at least 1, got 0"):
        ask(Query("text", id="0001"), gallery=gallery, k=0)


def three_vectors(height, base):
    """A candidate's vector and a joined part such that text e1 stands `height` off their span of volume `base`."""
    joined = np.array([0.0, 1.0, 0.0, 0.0])
    flat = np.sqrt(1 - height**2)
    along = np.array([flat, 0.0, height, 0.0])
    return joined, base * along + np.sqrt(1 - base**2) * joined


def test_the_reason_says_what_is_in_the_base():
    query, joined = np.eye(4)[0], np.eye(4)[1]
    vectors = {
        "text": unit(np.stack([query, query])),
        "image": unit(np.stack([joined, joined])),
        "speech": unit(np.stack([three_vectors(0.3, 0.9)[1], three_vectors(0.5, 0.2)[1]])),
    }
    gallery = EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": ["true", "other"]}), info={"anchor": "text"})
    by_volume = ask(together("image", "text", item="true"), gallery=gallery)
    assert by_volume.why() == (
        "true is nearer the text, height 0.3 against 0.5, yet other wins by base 0.2 against 0.9, "
        "its vectors and the image asked with."
    )
    by_height = ask(together("image", "text", item="other"), gallery=gallery, measure="height")
    assert by_height.why() == (
        "The text lies nearer to the span of true's vectors and the image asked with: height 0.3 against 0.5."
    )


def tied_gallery(n=3000, d=12):
    """Vectors that come many times, so that whole stretches of the ranking tie across blocks."""
    rng = np.random.default_rng(1)
    distinct = unit(rng.normal(size=(7, d)))
    which = rng.integers(7, size=n)
    return [torch.from_numpy(unit(distinct[which] + shift)) for shift in (0.0, 0.1)], which


def ranking_of(measure, vectors, query, **options):
    arrays = dict(zip("abc", vectors))
    gallery = EmbeddingSet(arrays, pd.DataFrame({"id": range(len(vectors[0]))}))
    return Searcher(gallery, list(arrays), measure, **options)._engine.ranking(query, no_progress)


@pytest.mark.parametrize("measure", MEASURES)
def test_ties_share_a_rank_and_list_the_lower_row_first(measure):
    vectors, which = tied_gallery()
    query = unit(np.random.default_rng(2).normal(size=12))
    ranking = ranking_of(measure, vectors, torch.from_numpy(query)[None])
    by_kind = [pair_score(measure, query.astype(np.float64), np.stack([v[row].double().numpy() for v in vectors]))
               for row in (int(np.flatnonzero(which == kind)[0]) for kind in range(7))]  # fmt: skip
    order = sorted(range(len(which)), key=lambda row: (-by_kind[which[row]], row))
    assert ranking.best(1200).tolist() == order[:1200]
    assert ranking.best(9999).tolist() == order
    for kind in range(7):
        better = sum((which == other).sum() for other in range(7) if by_kind[other] > by_kind[kind])
        row = int(np.flatnonzero(which == kind)[-1])
        assert ranking.ranks(np.array([row])).item() == better + ((which == kind).sum() + 1) / 2


@pytest.mark.parametrize("compressed", [False, True])
def test_a_gallery_too_large_to_keep_gives_the_same(compressed, monkeypatch):
    vectors, _ = tied_gallery()
    query = torch.from_numpy(unit(np.random.default_rng(3).normal(size=(2, 12))))
    for asked in (query[:1], query):
        monkeypatch.setattr("gram.retrieval.engine.KEPT", 2**29)
        one = ranking_of("volume", vectors, asked)
        monkeypatch.setattr("gram.retrieval.engine.KEPT", 0)
        other = ranking_of("volume", vectors, asked, compressed=compressed)
        everything = np.arange(3000)
        assert one.best(8).tolist() == other.best(8).tolist()
        np.testing.assert_allclose(one.scores(everything), other.scores(everything), rtol=1e-12, atol=1e-15)
