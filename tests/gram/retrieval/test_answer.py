import math

import numpy as np
import pandas as pd
import pytest
import torch

from gram import EmbeddingSet
from gram.datasets.spoken_numbers.queries import typed_query
from gram.errors import NumberError
from gram.retrieval.comparison import compare, disagreements
from gram.retrieval.query import Query, candidates_for
from gram.retrieval.search import Searcher, ask

NAMES = ("text", "image", "speech", "tones")
MEASURES = ("volume", "height", "cosine", "centroid")


def unit(array):
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def gallery():
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(60, 24))
    vectors = {name: unit(centres + 0.9 * rng.normal(size=centres.shape)) for name in NAMES}
    ids = [f"{number:04d}" for number in rng.choice(10_000, 60, replace=False)]
    return EmbeddingSet(modalities=vectors, items=pd.DataFrame({"id": ids, "label": ids}), info={"anchor": "text"})


class Recaller:
    """A model that has learned one gallery by heart: it embeds what it is given as the vector stored under it."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.asked = []

    def encode(self, modality, inputs):
        self.asked += [(modality, value) for value in inputs]
        return torch.stack([torch.as_tensor(self.vectors[value]) for value in inputs])


def parallelotope(rows):
    """Volume by the singular values of the rows, in float64."""
    return float(np.prod(np.linalg.svd(np.asarray(rows, dtype=np.float64), compute_uv=False)))


def expected_scores(gallery, vector, candidates, measure):
    scores = []
    for row in range(len(gallery)):
        others = [gallery.modalities[name][row].numpy().astype(np.float64) for name in candidates]
        others = [other for other in others if not np.isnan(other).any()]
        volume, base = parallelotope([vector, *others]), parallelotope(others)
        cosines = [other @ vector / np.linalg.norm(other) / np.linalg.norm(vector) for other in others]
        mean = np.mean([other / np.linalg.norm(other) for other in others], axis=0)
        centroid = mean @ vector / np.linalg.norm(mean) / np.linalg.norm(vector)
        scores.append(
            {"volume": -volume, "height": -volume / base, "cosine": np.mean(cosines), "centroid": centroid}[measure]
        )
    return np.array(scores)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("modality", ["text", "image"])
def test_hits_are_those_of_a_plain_ranking(gallery, measure, modality):
    row = 17
    candidates = [name for name in NAMES if name != modality]
    vector = gallery.modalities[modality][row].numpy().astype(np.float64)
    scores = expected_scores(gallery, vector, candidates, measure)
    order = np.argsort(-scores)
    answer = ask(Query(modality, id=gallery.items["id"][row]), gallery=gallery, measure=measure, k=7)
    assert answer.candidates == tuple(candidates)
    assert [hit.row for hit in answer.hits] == order[:7].tolist()
    assert [hit.rank for hit in answer.hits] == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose([hit.score for hit in answer.hits], scores[order[:7]], atol=2e-6)
    assert answer.true.rank == 1 + (scores > scores[row]).sum()
    assert answer.true.score == pytest.approx(scores[row], abs=2e-6)
    assert answer.size == 60
    assert answer.encode_seconds == 0
    assert answer.search_seconds > 0


def test_each_hit_is_taken_apart(gallery):
    answer = ask(Query("speech", id=gallery.items["id"][3]), gallery=gallery, k=5)
    vector = gallery.modalities["speech"][3].numpy()
    for hit in answer.hits:
        others = {name: gallery.modalities[name][hit.row].numpy() for name in ("text", "image", "tones")}
        assert hit.base == pytest.approx(parallelotope(list(others.values())), rel=1e-5)
        assert hit.base * hit.height == pytest.approx(parallelotope([vector, *others.values()]), rel=1e-5)
        assert hit.base * hit.height == pytest.approx(-hit.score, rel=1e-5)
        assert hit.cosines == pytest.approx({name: float(other @ vector) for name, other in others.items()}, abs=1e-6)
        assert hit.id == hit.label == gallery.items["id"][hit.row]
        assert hit.correct == (hit.row == 3)


def test_a_typed_number_is_embedded_by_the_model(gallery):
    model = Recaller({"four seven two one": gallery.modalities["text"][5].numpy()})
    answer = ask(typed_query("4721"), gallery=gallery, model=model)
    same = ask(typed_query("Four-seven two, ONE"), gallery=gallery, model=model)
    assert model.asked == [("text", "four seven two one")] * 2
    by_item = ask(Query("text", id=gallery.items["id"][5]), gallery=gallery)
    assert [hit.row for hit in answer.hits] == [hit.row for hit in by_item.hits] == [hit.row for hit in same.hits]
    assert answer.query.id == "4721"
    assert answer.true is None
    assert not answer.found
    assert answer.encode_seconds > 0
    with pytest.raises(NumberError, match="thirty"):
        ask(typed_query("three thirty"), gallery=gallery, model=model)


def test_the_true_item_of_a_typed_number_is_found_in_the_gallery(gallery):
    middle = sum(gallery.modalities[name][11].numpy() for name in ("image", "speech", "tones"))
    query = typed_query(gallery.items["id"][11])
    answer = ask(query, gallery=gallery, model=Recaller({query.content: middle}), k=1)
    assert answer.true.row == 11
    assert answer.found
    assert answer.hits[0].correct
    assert answer.why() is None


def test_an_upload_without_a_known_number_has_no_true_item(gallery):
    picture = "picture"
    model = Recaller({picture: gallery.modalities["image"][2].numpy()})
    answer = ask(Query("image", picture), gallery=gallery, model=model, measure="cosine")
    assert model.asked == [("image", picture)]
    assert answer.true is None
    assert answer.why() is None
    assert answer.candidates == ("text", "speech", "tones")


def test_a_chosen_pair_of_candidates_is_all_that_counts(gallery):
    vector = gallery.modalities["text"][9].numpy().astype(np.float64)
    scores = expected_scores(gallery, vector, ["tones"], "volume")
    answer = ask(Query("text", id=gallery.items["id"][9]), gallery=gallery, candidates=["tones"], k=3)
    assert [hit.row for hit in answer.hits] == np.argsort(-scores)[:3].tolist()
    assert set(answer.hits[0].cosines) == {"tones"}


def test_candidates_leave_out_the_query_and_bring_in_the_anchor(gallery):
    assert candidates_for("text", ["image", "tones"], gallery=gallery) == ("image", "tones")
    assert candidates_for("image", ["image", "tones"], gallery=gallery) == ("text", "tones")
    assert candidates_for("speech", ["image"], gallery=gallery) == ("text", "image")


def test_a_lacking_modality_leaves_the_rest_to_judge(gallery):
    vectors = {name: tensor.numpy().copy() for name, tensor in gallery.modalities.items()}
    vectors["speech"][4] = np.nan
    vectors["image"][6] = vectors["speech"][6] = vectors["tones"][6] = np.nan
    partial = EmbeddingSet(modalities=vectors, items=gallery.items, info=gallery.info)
    answer = ask(Query("text", id=gallery.items["id"][4]), gallery=partial, k=60)
    hit = answer.true
    others = [vectors["image"][4], vectors["tones"][4]]
    assert hit.base * hit.height == pytest.approx(parallelotope([vectors["text"][4], *others]), rel=1e-5)
    assert math.isnan(hit.cosines["speech"])
    empty = next((hit for hit in answer.hits if hit.row == 6), None)
    assert empty is None or math.isnan(empty.base)
    with pytest.raises(ValueError, match="lacks speech; choose another modality"):
        ask(Query("speech", id=gallery.items["id"][4]), gallery=partial)


def collinear(first, height, base):
    """One candidate of two vectors at a given base and distance from the query e1, in five dimensions."""
    out, angle = math.asin(height), math.asin(base)
    axis = np.array([math.cos(out), 0, 0, 0, 0]) + math.sin(out) * np.eye(5)[1 + first]
    other = math.cos(angle) * axis + math.sin(angle) * np.eye(5)[4]
    return axis, other


@pytest.fixture(scope="module")
def hub_gallery():
    """Item "true" is nearer the query than "hub", whose own two vectors are nearly collinear."""
    true, hub = collinear(0, 0.3, 0.9), collinear(1, 0.6, 0.02)
    query = np.eye(5)[0]
    return EmbeddingSet(
        modalities={
            "text": unit(np.stack([query, query])),
            "image": unit(np.stack([true[0], hub[0]])),
            "speech": unit(np.stack([true[1], hub[1]])),
        },
        items=pd.DataFrame({"id": ["true", "hub"]}),
        info={"anchor": "text"},
    )


def test_a_hub_is_called_by_its_base(hub_gallery):
    answer = ask(Query("text", id="true"), gallery=hub_gallery)
    assert [hit.id for hit in answer.hits] == ["hub", "true"]
    assert answer.true.rank == 2
    assert answer.why() == (
        "true is nearer the query, height 0.3 against 0.6, yet hub wins by base 0.02 against 0.9 "
        "(its own vectors are nearly dependent: a hub)."
    )
    assert ask(Query("text", id="true"), gallery=hub_gallery, measure="height").found


def two_items(true, other):
    query = np.eye(5)[0]
    return EmbeddingSet(
        modalities={
            "text": unit(np.stack([query, query])),
            "image": unit(np.stack([true[0], other[0]])),
            "speech": unit(np.stack([true[1], other[1]])),
        },
        items=pd.DataFrame({"id": ["true", "other"]}),
        info={"anchor": "text"},
    )


@pytest.mark.parametrize(
    ("true", "other", "measure", "reason"),
    [
        (
            (0.5, 0.9),
            (0.2, 0.9),
            "volume",
            "other lies nearer the query, height 0.2 against 0.5; base 0.9 against 0.9.",
        ),
        ((0.5, 0.9), (0.4, 0.5), "volume", "other wins mostly by base 0.5 against 0.9; height 0.4 against 0.5."),
        (
            (0.3, 0.9),
            (0.4, 0.6),
            "volume",
            "true is nearer the query, height 0.3 against 0.4, yet other wins by base 0.6",
        ),
        ((0.5, 0.9), (0.2, 0.9), "height", "query lies nearer to the span of other's vectors: height 0.2 against 0.5."),
    ],
)
def test_the_reason_names_the_factor_that_decided(true, other, measure, reason):
    gallery = two_items(collinear(0, *true), collinear(1, *other))
    answer = ask(Query("text", id="true"), gallery=gallery, measure=measure)
    assert answer.hits[0].id == "other"
    assert reason in answer.why()


def test_the_reason_names_the_modality_that_falls_short():
    query, aside = np.eye(5)[0], np.eye(5)[1]
    near, far = query + 0.2 * aside, 0.1 * query + aside
    gallery = two_items((near, far), (near, near))
    answer = ask(Query("text", id="true"), gallery=gallery, measure="cosine")
    assert answer.why() == (
        "The speech of true is what falls short: cosine 0.0995 with the query, against 0.981 for other."
    )


def test_the_reason_tells_the_opposite_side_from_far():
    query, aside = np.eye(5)[0], np.eye(5)[1]
    gallery = two_items((-query + 0.1 * aside, -query - 0.1 * aside), (aside, np.eye(5)[2] + 0.1 * query))
    by_cosine = ask(Query("text", id="true"), gallery=gallery, measure="cosine")
    assert "points away from the query (its best cosine is -0.995)" in by_cosine.why()
    assert ask(Query("text", id="true"), gallery=gallery, measure="height").found


def at(*angles):
    """Unit vectors in the plane of the query and the second axis, at these degrees from the query."""
    return tuple(np.cos(np.radians(a)) * np.eye(5)[0] + np.sin(np.radians(a)) * np.eye(5)[1] for a in angles)


@pytest.mark.parametrize(
    ("true", "other", "measure", "reason"),
    [
        (
            at(40, 50),
            at(30, 120),
            "cosine-max",
            "The image of other alone decides: its cosine with the query is 0.866, against 0.766 for the image of "
            "true, its best.",
        ),
        (
            at(60, -60),
            at(60, 65),
            "pairwise-mean",
            "other wins by how its own vectors agree: the cosines among its own vectors 0.332 against -0.167, where "
            "the query's cosines give it 0.308 against 0.333; true fits the query as well or better.",
        ),
        (
            at(60, 65),
            at(12, 21),
            "pairwise-mean",
            "other wins by how it fits the query: the query's cosines give it 0.637 against 0.308, the cosines among "
            "its own vectors 0.329 against 0.332.",
        ),
        (
            at(30, -30),
            at(90, 91),
            "triangle",
            "The triangle of the query with other is the smaller: area 0.0088 against 0.067; between the candidate's "
            "own two vectors lie 0.0175 against 1 (its own two vectors nearly coincide: a hub).",
        ),
        (
            at(60, -60),
            at(80, 85),
            "singular",
            "Query and vectors of other come nearer to one line, signs aside: largest singular value 1.42 against "
            "1.22. Base 0.0872 against 0.866",
        ),
        (
            (np.eye(5)[1], np.eye(5)[0]),
            at(10, 20),
            "symile",
            "The products of the coordinates add up to 0.925 for other and to 0 for true: the sum goes by axes, and no "
            "angle tells it.",
        ),
    ],
)
def test_the_reason_says_what_the_score_is_made_of(true, other, measure, reason):
    answer = ask(Query("text", id="true"), gallery=two_items(true, other), measure=measure)
    assert answer.hits[0].id == "other"
    assert reason in answer.why()


def test_no_modality_is_blamed_where_none_falls_short():
    true = (np.eye(5)[0] + 2 * np.eye(5)[1], np.eye(5)[0] + 2 * np.eye(5)[1])
    other = (np.eye(5)[0] + 2.5 * np.eye(5)[2], np.eye(5)[0] - 2.5 * np.eye(5)[2])
    answer = ask(Query("text", id="true"), gallery=two_items(true, other), measure="centroid")
    assert answer.hits[0].id == "other"
    assert answer.why() == (
        "No single modality of true falls short of other's; all together, other scores 1 against 0.447."
    )


def test_a_hit_says_how_its_own_vectors_agree(gallery):
    answer = ask(Query("text", id=gallery.items["id"].iloc[3]), gallery=gallery)
    for hit in answer.hits:
        rows = [gallery.modalities[name][hit.row].numpy() for name in NAMES[1:]]
        pairs = [float(rows[a] @ rows[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert hit.own_cosine == pytest.approx(np.mean(pairs), abs=1e-5)
    alone = ask(Query("text", id=gallery.items["id"].iloc[3]), gallery=gallery, candidates=["image"])
    assert all(math.isnan(hit.own_cosine) for hit in alone.hits)


def test_equal_scores_share_a_rank():
    same = np.tile(np.eye(5)[:2].sum(0), (3, 1))
    gallery = EmbeddingSet(
        modalities={"text": unit(same), "image": unit(same)},
        items=pd.DataFrame({"id": ["a", "b", "c"]}),
        info={"anchor": "text"},
    )
    answer = ask(Query("text", id="b"), gallery=gallery, measure="cosine")
    assert answer.true.rank == 2
    assert answer.why() == "b ties with others: equal scores share a rank."


def test_the_table_ends_with_the_true_item(gallery):
    ids = gallery.items["id"]
    low = next(
        answer
        for answer in (ask(Query("text", id=item), gallery=gallery, k=2, candidates=["tones"]) for item in ids)
        if answer.true.rank > 2
    )
    table = low.table()
    assert list(table["id"]) == [low.hits[0].id, low.hits[1].id, low.query.id]
    assert table["rank"].tolist() == [1, 2, low.true.rank]
    assert table["true_item"].tolist() == [False, False, True]
    np.testing.assert_allclose(table["base"] * table["height"], -table["score"], rtol=1e-5)
    assert "cosine_tones" in table
    found = ask(Query("text", id=ids[0]), gallery=gallery, k=60).table()
    assert len(found) == 60
    assert found["true_item"].sum() == 1


def test_two_answers_know_each_others_ranks(gallery):
    rng = np.random.default_rng(3)
    other = EmbeddingSet(
        modalities={
            name: unit(tensor.numpy() + 0.4 * rng.normal(size=(60, 24))) for name, tensor in gallery.modalities.items()
        },
        items=gallery.items,
        info=gallery.info,
    )
    left, right = Searcher(gallery, measure="volume"), Searcher(other, measure="cosine")
    item = gallery.items["id"][30]
    comparison = compare(Query("text", id=item), left, right, k=5)
    shown = {hit.id for hit in (*comparison.left.hits, *comparison.right.hits)} | {item}
    assert set(comparison.ranks) == shown
    whole = [
        {hit.id: hit.rank for hit in searcher.search(Query("text", id=item), k=60).hits} for searcher in (left, right)
    ]
    assert comparison.ranks == {name: (whole[0][name], whole[1][name]) for name in shown}


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        (Query("image", id="0"), {"candidates": ["image"]}, "both have 'image': use candidates_for"),
        (Query("text"), {}, "content to encode or the id of an item; it has neither"),
        (Query("text", "one"), {}, "a query with content needs a model"),
        (Query("text", id="absent"), {}, "'absent', which is not in the gallery"),
        (Query("smell", id="0"), {}, "modality 'smell'; the gallery has text, image, speech, tones"),
    ],
)
def test_queries_that_cannot_be_asked(gallery, query, options, message):
    if query.id == "0":
        query = Query(query.modality, id=gallery.items["id"][0])
    with pytest.raises(ValueError, match=message):
        ask(query, gallery=gallery, **options)


def test_an_unknown_measure_or_candidate_is_refused(gallery):
    with pytest.raises(ValueError, match="wrong"):
        Searcher(gallery, measure="wrong")
    with pytest.raises(ValueError, match="smell"):
        Searcher(gallery, candidates=["smell"])


def test_disagreements_are_first_in_one_and_far_in_the_other():
    left = {"both": 1, "far": 40, "found": 1, "near": 5, "neither": 30, "gone": 1}
    right = {"both": 1, "far": 1, "found": 500, "near": 1, "neither": 900}
    assert disagreements(left, right) == ["found", "far", "near"]
    assert disagreements(left, right, within=10) == ["found", "far"]


def test_an_answer_is_told_in_one_line(gallery):
    item = gallery.items["id"][3]
    answer = ask(Query("text", id=item), gallery=gallery)
    first, rank = answer.hits[0].id, f"{answer.true.rank:g}"
    assert repr(answer) == (
        f"Answer(Query('text', id='{item}'), image + speech + tones by volume, first '{first}', true rank {rank} of 60)"
    )
    unknown = ask(Query("text", content="a"), gallery=gallery, model=Recaller({"a": gallery.modalities["text"][3]}))
    assert repr(unknown).endswith(f"first '{first}' of 60)")
