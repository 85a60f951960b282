"""An embedding set in Milvus, against brute force in numpy; Milvus Lite in a folder, and as a server that is killed."""

import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

from gram import DatabaseError, EmbeddingSet, EmbeddingSetError, MilvusSearcher
from gram.retrieval import JointQuery, Query, Searcher
from gram.retrieval.milvus.collection import Collection, has_field, vector_field
from tests.helpers.milvus_server import Server, unused_port

N, D = 160, 12
OTHERS = ("image", "speech sounds_é")
ODD = ['a"b', "c\\d", "it's", "new\nline", "é漢🙂", " sp ", "{x}", "%a_", "tab\t", "\\n", "] or id != [", "\r"]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def brute(measure, t, own):
    """Return the score of a query with one candidate's vectors that are there, by determinants and least squares."""
    volume = np.sqrt(max(0.0, np.linalg.det((rows := np.stack([t, *own])) @ rows.T)))
    if measure == "volume":
        return -volume
    if measure == "normalized-volume":
        return -(volume ** (1 / len(rows)))
    if measure == "cosine":
        return np.mean([t @ m for m in own])
    basis = np.stack(own, axis=1)
    return -np.linalg.norm(t - basis @ np.linalg.lstsq(basis, t, rcond=None)[0])


def brute_scores(measure, queries, arrays, names=OTHERS):
    scores = np.full((len(queries), len(arrays["text"])), -np.inf)
    for row in range(scores.shape[1]):
        own = [unit(arrays[name][row].astype(float)) for name in names if not np.isnan(arrays[name][row]).any()]
        for number, query in enumerate(queries):
            if own:
                scores[number, row] = brute(measure, unit(query.astype(float)), own)
    return scores


def arrays_of(seed=0, n=N):
    """Three modalities that agree; some items turned round, some hubs that lie off all others, some that lack some."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(N, D))
    meaning[:, -1] = 0
    arrays = {name: (3 * meaning + rng.normal(size=(N, D))) for name in ("text", *OTHERS)}
    arrays[OTHERS[0]][20:30] *= -1
    hub = np.eye(D)[-1]
    for name in OTHERS:
        arrays[name][40:44] = hub + 0.002 * rng.normal(size=(4, D))
    arrays[OTHERS[0]][60:70] = np.nan
    arrays[OTHERS[1]][65:75] = np.nan
    return {name: rows[:n].astype(np.float32) for name, rows in arrays.items()}


def set_of(arrays, ids=None):
    n = len(arrays["text"])
    ids = ids or ODD + [f"item {i:03d}" for i in range(len(ODD), n)]
    return EmbeddingSet(modalities=arrays, items=pd.DataFrame({"id": ids}))


@pytest.fixture(scope="module")
def arrays():
    return arrays_of()


@pytest.fixture(scope="module")
def gallery(arrays):
    return set_of(arrays)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return str(tmp_path_factory.mktemp("milvus") / "items.db")


@pytest.fixture(scope="module")
def held(file, gallery):
    with MilvusSearcher(file, collection="held") as index:
        index.push(gallery)
        yield index


@pytest.fixture
def sent(monkeypatch):
    """The ids of each request that sends items."""
    batches = []
    upsert = Collection.upsert

    def counted(self, rows):
        upsert(self, rows)
        batches.append([row["id"] for row in rows])

    monkeypatch.setattr(Collection, "upsert", counted)
    return batches


MEASURES = ("volume", "height", "cosine", "normalized-volume")


@pytest.mark.parametrize("measure", MEASURES)
def test_reading_all_is_what_brute_force_finds(file, held, arrays, gallery, measure):
    queries = arrays["text"][:6]
    with MilvusSearcher(file, collection="held", measure=measure) as index:
        hits = index.search(queries, 10, fetch=N)
    expected = brute_scores(measure, queries, arrays)
    order = np.argsort(-expected, axis=1)[:, :10]
    assert hits.exact
    np.testing.assert_array_equal(hits.ids, gallery.items["id"].to_numpy()[order])
    np.testing.assert_allclose(hits.scores, np.take_along_axis(expected, order, 1), atol=2e-6)
    np.testing.assert_array_equal(hits.ranks, np.tile(np.arange(1, 11), (6, 1)))


@pytest.mark.parametrize("measure", MEASURES)
def test_few_candidates_find_most_and_score_them_exactly(file, held, arrays, gallery, measure):
    queries = arrays["text"][:12]
    with MilvusSearcher(file, collection="held", measure=measure) as index:
        hits = index.search(queries, 5, fetch=40)
    expected = brute_scores(measure, queries, arrays)
    ids = gallery.items["id"].to_numpy()
    row_of = {item: row for row, item in enumerate(ids)}
    assert not hits.exact
    best = ids[np.argsort(-expected, axis=1)[:, :5]]
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(hits.ids, best)]) > 0.9
    for number, row in enumerate(hits.ids):
        np.testing.assert_allclose(hits.scores[number], [expected[number, row_of[item]] for item in row], atol=2e-6)


def exact_searcher(gallery, candidates, measure):
    return Searcher(gallery.normalized(), candidates, measure)


@pytest.mark.parametrize("measure", ["volume", "height", "cosine"])
def test_a_query_gets_the_answer_of_the_exact_search(file, held, gallery, measure):
    query = Query("text", id=ODD[9])
    expected = exact_searcher(gallery, OTHERS, measure).search(query, 12)
    with MilvusSearcher(file, collection="held", measure=measure, gallery=gallery) as index:
        whole, some = index.search(query, 12, fetch=N), index.search(query, 12, fetch=40)
        model = type("Model", (), {"encode": lambda self, *_: gallery.modalities["text"][[9]]})()
        index.gallery, index.model = None, model
        words = index.search("ten", 12, fetch=N)
    assert [hit.id for hit in whole.hits] == [hit.id for hit in words.hits] == [hit.id for hit in expected.hits]
    assert ((whole.size, whole.items, whole.exact), whole.true.rank) == ((N - 5, N - 5, True), expected.true.rank)
    assert (words.query, words.true, {hit.row for hit in words.hits}) == (Query("text", "ten"), None, {-1})
    assert [hit.label for hit in words.hits] == [hit.id for hit in words.hits]
    assert not some.exact
    assert 40 <= some.size < N - 5
    for hit, other in zip((*whole.hits, whole.true), (*expected.hits, expected.true)):
        assert (hit.row, hit.label, hit.correct) == (other.row, other.label, other.correct)
        parts = [(each.score, each.base, each.height, *each.cosines.values()) for each in (hit, other)]
        np.testing.assert_allclose(*parts, atol=2e-6)


@pytest.mark.parametrize("measure", ["volume", "height"])
def test_a_joint_query_is_scored_with_all_its_vectors(file, gallery, measure):
    query = JointQuery((Query("text", id=ODD[3]), Query(OTHERS[1], id=ODD[3])))
    expected = exact_searcher(gallery, OTHERS[:1], measure).search(query, 8)
    with MilvusSearcher(file, collection="joint", candidates=OTHERS[:1], measure=measure, gallery=gallery) as index:
        index.push(gallery)
        whole, some = index.search(query, 8, fetch=N), index.search(query, 8, fetch=40)
    ids = [hit.id for hit in expected.hits]
    assert [hit.id for hit in whole.hits] == ids
    assert whole.true.rank == expected.true.rank
    np.testing.assert_allclose([hit.score for hit in whole.hits], [hit.score for hit in expected.hits], atol=2e-6)
    assert not some.exact
    assert len({hit.id for hit in some.hits} & set(ids)) >= 7


def test_listed_items_are_ranked_where_they_were_scored(held, gallery):
    vectors = {"text": gallery.modalities["text"][9]}
    answer = held.answer(Query("text", id="unknown"), vectors, 2, fetch=N, listed=[ODD[9], "nobody"])
    hits = held.search(gallery.modalities["text"][9], N - 5, fetch=N)
    assert answer.true is None
    assert set(answer.ranks) == {*hits.ids[0, :2], ODD[9]}
    assert answer.ranks[ODD[9]] == hits.ranks[0, list(hits.ids[0]).index(ODD[9])]


def test_a_query_that_cannot_be_embedded_is_refused(held, gallery):
    for query, match in (
        (Query("text", id=ODD[0]), "give gallery=, the set that it is in"),
        ("words", "needs a model to embed it"),
        (Query(OTHERS[0], id=ODD[0]), "both have 'image'"),
    ):
        with pytest.raises(ValueError, match=match):
            held.search(query)


def test_asking_a_field_for_more_finds_more_of_its_nearest(tmp_path):
    from milvus_lite.server_manager import server_manager_instance

    rng = np.random.default_rng(8)
    rows, query = unit(rng.normal(size=(3000, 48))).astype(np.float32), unit(rng.normal(size=(6, 48)))
    set_ = EmbeddingSet({"text": rows, "image": rows}, pd.DataFrame({"id": [str(i) for i in range(3000)]}))
    place = str(tmp_path / "graph.db")
    with MilvusSearcher(place, candidates=["image"]) as index:
        index.push(set_)
    server_manager_instance.release_server(place)  # after the field's index is built, before which all of it is read
    with MilvusSearcher(place) as index:
        assert len(index) == 3000
        for limit, least in ((16, 0.97), (128, 0.97), (512, 0.97)):
            found = index._collection.nearest("image", query, limit)
            nearest = np.argsort(-(query @ rows.T), axis=1)[:, :limit]
            shares = [len({int(item) for item in ids} & set(best)) / limit for ids, best in zip(found, nearest)]
            assert np.mean(shares) >= least


def test_hubs_are_found_though_they_are_far_from_the_query_in_every_modality(file, held, arrays, gallery):
    query = arrays["text"][[90]]
    hubs = set(gallery.items["id"][40:44])
    products = np.abs(np.stack([unit(arrays[name]) @ unit(query[0]) for name in OTHERS]))
    assert (np.nan_to_num(products)[:, 40:44].max(1) < np.nanmedian(products, axis=1)).all()
    expected = brute_scores("volume", query, arrays)[0]
    assert set(gallery.items["id"].to_numpy()[np.argsort(-expected)[:4]]) == hubs
    assert set(held.search(query, 4, fetch=8).ids[0]) == hubs


def test_an_item_turned_round_is_found_by_volume_and_not_by_cosine(file, held, arrays, gallery):
    query = -arrays["text"][[100]]
    item = gallery.items["id"][100]
    with MilvusSearcher(file, collection="held", measure="height") as index:
        assert index.search(query, 3, fetch=5).ids[0, 0] == item
    with MilvusSearcher(file, collection="held", measure="cosine") as index:
        assert item not in index.search(query, 5, fetch=5).ids[0]


def test_items_that_lack_modalities_are_judged_by_the_rest_and_those_without_any_are_left_out(held, arrays, gallery):
    assert len(held) == N - 5
    own = held.vectors([gallery.items["id"][62], gallery.items["id"][72], gallery.items["id"][3]])
    assert own[OTHERS[0]][0].isnan().all()
    assert own[OTHERS[1]][1].isnan().all()
    np.testing.assert_allclose(own[OTHERS[0]][2], unit(arrays[OTHERS[0]][3]), atol=1e-6)
    everything = held.search(arrays["text"][0], N, fetch=N)
    assert everything.ids.shape == (1, N - 5)
    assert not set(everything.ids[0]) & set(gallery.items["id"][65:70])


def test_odd_ids_come_back_as_they_are(held, gallery):
    own = held.vectors(ODD)
    for number, item in enumerate(ODD):
        expected = gallery.normalized().modalities[OTHERS[1]][gallery.row(item)]
        torch.testing.assert_close(own[OTHERS[1]][number], expected)
    with pytest.raises(DatabaseError, match="has no item 'nobody'"):
        held.vectors(["nobody"])


def test_equal_items_share_the_average_of_their_places_and_come_by_id(file):
    arrays = arrays_of(1, 30)
    for name in OTHERS:
        arrays[name][10:14] = arrays[name][9]
    ids = [f"{(7 * i) % 30:02d}" for i in range(30)]
    with MilvusSearcher(file, collection="ties") as index:
        index.push(set_of(arrays, ids))
        for fetch in (20, 30):
            hits = index.search(torch.from_numpy(arrays[OTHERS[0]][9]), 4, fetch=fetch)
            assert isinstance(hits.scores, torch.Tensor)
            assert list(hits.ids[0]) == sorted(ids[9:14])[:4]
            assert list(hits.ranks[0]) == [3.0] * 4


def test_many_equal_bases_still_give_as_many_candidates(file):
    arrays = arrays_of(2, 60)
    arrays[OTHERS[1]][10:] = arrays[OTHERS[0]][10:]  # a base of 0, for most
    with MilvusSearcher(file, collection="flat") as index:
        index.push(set_of(arrays, [f"{i:02d}" for i in range(60)]))
        hits = index.search(arrays["text"][:2], 8, fetch=8)
    np.testing.assert_allclose(hits.scores, 0, atol=1e-7)


def test_triangle_ranks_only_items_that_have_both(file, held, arrays):
    with MilvusSearcher(file, collection="held", measure="triangle") as index:
        for fetch in (30, N):
            assert index.search(arrays["text"][0], N, fetch=N).ids.shape == (1, N - 15)
            hits = index.search(arrays["text"][:2], 5, fetch=fetch)
            assert np.isfinite(hits.scores).all()
            assert hits.exact == (fetch == N)


def test_a_second_push_sends_nothing_and_a_changed_item_alone_is_sent_again(file, sent):
    arrays = arrays_of(3, 50)
    reported = []
    with MilvusSearcher(file, collection="again") as index:
        assert index.push(set_of(arrays), progress=lambda *report: reported.append(report)) == (50, 0, 0)
        assert reported[-1] == (1.0, "50 of 50 items")
        assert index.push(set_of(arrays)) == (0, 50, 0)
        assert len(sent) == 1
        arrays[OTHERS[0]][3] *= -1
        arrays[OTHERS[1]][7] = np.nan
        arrays[OTHERS[1]][8] *= 4  # of another length: the same direction
        assert index.push(set_of(arrays)) == (2, 48, 0)
        assert sent[1] == [ODD[3], ODD[7]]
        assert len(index) == 50
        hits = index.search(arrays["text"][:3], 50, fetch=50)
    expected = np.sort(-brute_scores("volume", arrays["text"][:3], arrays), axis=1)
    np.testing.assert_allclose(-hits.scores, expected, atol=2e-6)


def test_a_push_that_is_stopped_goes_on(file, sent, monkeypatch):
    monkeypatch.setattr("gram.retrieval.milvus.collection._BATCH", 4 * D * 2 * 16)  # 16 items a request
    gallery = set_of(arrays_of(4, 60))

    def stop(share, stage):
        if share >= 32 / 60:
            raise KeyboardInterrupt

    with MilvusSearcher(file, collection="stopped") as index:
        with pytest.raises(KeyboardInterrupt):
            index.push(gallery, progress=stop)
        assert index.push(gallery) == (28, 32, 0)
        assert [len(batch) for batch in sent] == [16, 16, 16, 12]


def test_a_server_that_dies_amid_a_push_gives_one_line_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("gram.retrieval.milvus.collection._BATCH", 4 * D * 2 * 16)
    arrays = arrays_of(5, 60)
    server = Server(tmp_path / "served.db")
    server.start()

    def die(share, stage):
        if stage == "32 of 60 items":
            server.kill()

    token = "root:hush-hush"
    try:
        with MilvusSearcher(server.uri, token=token, timeout=3) as index:
            with pytest.raises(DatabaseError, match=r"cannot be reached.*only the rest is sent") as raised:
                index.push(set_of(arrays), progress=die)
            assert "hush" not in f"{raised.value} {index!r}"
            assert "\n" not in str(raised.value)
        server.start()
        with MilvusSearcher(server.uri, token=token) as index:
            pushed = index.push(set_of(arrays))
            assert pushed.sent + pushed.kept == 60
            assert pushed.kept >= 32
            hits = index.search(arrays["text"][:2], 60, fetch=60)
        expected = np.sort(-brute_scores("volume", arrays["text"][:2], arrays), axis=1)
        np.testing.assert_allclose(-hits.scores, expected, atol=2e-6)
    finally:
        server.kill()


def test_nobody_there_is_said_within_seconds_and_without_the_token():
    started = time.perf_counter()
    index = MilvusSearcher(f"http://root:word@localhost:{unused_port()}", token="root:hush-hush", timeout=3)
    with pytest.raises(DatabaseError, match=r"http://localhost:\d+: cannot be reached; see that Milvus runs") as raised:
        index.search(np.ones(D))
    assert time.perf_counter() - started < 20
    assert "hush" not in f"{raised.value} {index!r}"
    assert "word" not in f"{raised.value} {index!r}"


def test_what_does_not_fit_the_collection_is_refused(file, held, gallery):
    other = gallery.modalities
    narrow = EmbeddingSet({name: rows[:, :5] for name, rows in other.items()}, gallery.items)
    with MilvusSearcher(file, collection="held") as index:
        with pytest.raises(DatabaseError, match="holds vectors of 12 dimensions, and the set's have 5"):
            index.push(narrow)
        with pytest.raises(DatabaseError, match="the set has no speech sounds_é; it has text, image"):
            index.push(EmbeddingSet({name: other[name] for name in ("text", "image")}, gallery.items))
    narrowed = MilvusSearcher(file, collection="held", candidates=["image"])
    with narrowed as index, pytest.raises(DatabaseError, match="holds image, speech sounds_é, not image"):
        index.search(np.ones(D))
    with MilvusSearcher(file, collection="nothing") as index:
        with pytest.raises(DatabaseError, match=r"'nothing' at .* does not exist; push a set first"):
            index.search(np.ones(D))
        index._wanted = ("taste",)
        with pytest.raises(ValueError, match="'taste' is not in this set"):
            index.push(gallery)


def test_a_collection_of_something_else_is_refused(file, held, gallery):
    from pymilvus import MilvusClient

    client = MilvusClient(file)
    client.create_collection("foreign", dimension=D)
    client.close()
    match = "holds something other than an embedding set; name another collection"
    with MilvusSearcher(file, collection="foreign") as index, pytest.raises(DatabaseError, match=match):
        index.push(gallery)


def test_an_id_that_is_too_long_is_refused_before_anything_is_sent(file, sent):
    ids = [str(i) for i in range(20)]
    ids[2] = "é" * 513
    match = r"row 2: its id 'é+…' is 1,026 bytes long, and Milvus holds up to 1,024"
    with MilvusSearcher(file, collection="long") as index, pytest.raises(EmbeddingSetError, match=match):
        index.push(set_of(arrays_of(6, 20), ids))
    assert not sent


def test_arguments_are_checked(file, held):
    with pytest.raises(ValueError, match="uri: expected http://host:port"):
        MilvusSearcher("items")
    with pytest.raises(ValueError, match=r"uri: expected .*got 'ftp://host'"):
        MilvusSearcher("ftp://me:word@host")
    with pytest.raises(ValueError, match="collection: expected up to 255"):
        MilvusSearcher(file, collection="a-b")
    with pytest.raises(ValueError, match="measure: expected one of"):
        MilvusSearcher(file, measure="size")
    with pytest.raises(ValueError, match="timeout"):
        MilvusSearcher(file, timeout=0)
    with pytest.raises(ValueError, match="k: expected at least 1"):
        held.search(np.ones(D), 0)
    with pytest.raises(ValueError, match="fetch: expected at least k = 9"):
        held.search(np.ones(D), 9, fetch=8)
    with pytest.raises(ValueError, match=r"queries: expected floating numbers of shape \(q, 12\)"):
        held.search(np.ones(D + 1))
    for bad in (np.zeros(D), np.full(D, np.nan)):
        with pytest.raises(ValueError, match="row 0 is of zeros or has values that are not finite"):
            held.search(bad)
    with pytest.raises(DatabaseError, match="its folder does not exist; make it first"):
        len(MilvusSearcher("/nowhere/at/all/x.db"))


def test_without_the_packages_a_line_says_how_to_install_them(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(DatabaseError, match=r"pip install gram\[milvus\]"):
        MilvusSearcher(file).search(np.ones(D))
    monkeypatch.delitem(sys.modules, "pymilvus")


def test_without_milvus_lite_a_line_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "milvus_lite", None)
    monkeypatch.setitem(sys.modules, "milvus_lite.server_manager", None)
    with pytest.raises(DatabaseError, match="pip install milvus-lite"):
        MilvusSearcher(str(tmp_path / "x.db")).search(np.ones(D))


@pytest.mark.parametrize("name", ["image", "a_b", "é x", "_", "__", "x_x41_", "漢🙂"])
def test_a_field_spells_its_modality(name):
    from gram.retrieval.milvus.collection import _modality

    assert vector_field(name).isascii()
    assert vector_field(name).replace("_", "a").isalnum()
    assert _modality(has_field(name).removeprefix("has_")) == name
