"""Retrieval in a collection of Milvus, as a person uses it; against a full ranking in numpy."""

import re
import shutil

import numpy as np
import pytest

from app.widgets import hits
from gram import EmbeddingSet, MilvusSearcher
from tests.app.conftest import ROOT, open_app
from tests.helpers.milvus_server import Server, unused_port

OTHERS = ("image", "speech", "tones")
TOKEN = "root:hush-hush"


@pytest.fixture(scope="module")
def gallery():
    return EmbeddingSet.load(ROOT / "assets" / "numbers" / "gram" / "test")


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory, gallery):
    """A data folder with a collection of the set; some items it alone has, at the place of those they are made of."""
    folder = tmp_path_factory.mktemp("data")
    more = gallery.items.iloc[:3].assign(id=["strange-1", "strange-2", "strange-3"])
    extended = EmbeddingSet(
        {name: np.concatenate([rows.numpy(), rows[:3].numpy()]) for name, rows in gallery.modalities.items()},
        gallery.items.__class__(gallery.items.to_dict("records") + more.to_dict("records")),
        gallery.info,
    )
    for name, pushed in (("same", gallery), ("more", extended)):
        with MilvusSearcher(str(folder / "held.db"), collection=name, candidates=OTHERS) as index:
            index.push(pushed)
    return folder


@pytest.fixture
def shown(monkeypatch):
    """What the lists show, run by run: the comparisons."""
    seen = []
    two_lists = hits.two_lists

    def kept(comparison, *args, **options):
        seen.append(comparison)
        return two_lists(comparison, *args, **options)

    monkeypatch.setattr(hits, "two_lists", kept)
    return seen


def opened(item, **query):
    at = open_app("retrieval", q=item, item=item, **query)
    at.run()
    assert not at.exception
    return at


def in_milvus(at):
    at.segmented_control(key="milvus_where").set_value("A Milvus collection")
    return at.run()


def connected(at, uri="", collection="same", token=""):
    in_milvus(at)
    at.text_input(key="milvus_uri").set_value(uri)
    at.text_input(key="milvus_collection").set_value(collection)
    at.text_input(key="milvus_token").set_value(token)
    next(button for button in at.button if button.label == "Connect").click()
    at.run()
    assert not at.exception
    return at


def said(at):
    kinds = (at.markdown, at.caption, at.error, at.info, at.warning)
    return [each.value for kind in kinds for each in kind]


def best(gallery, item, n):
    """The items of the smallest volume with the words of an item, by determinants."""
    rows = {
        name: each.numpy().astype(float) / np.linalg.norm(each.numpy().astype(float), axis=1, keepdims=True)
        for name, each in gallery.modalities.items()
    }
    query = rows["text"][list(gallery.items["id"]).index(item)]
    stacks = np.stack([np.broadcast_to(query, rows["image"].shape), *(rows[name] for name in OTHERS)], axis=1)
    volumes = np.sqrt(np.linalg.det(stacks @ stacks.transpose(0, 2, 1)).clip(0))
    order = np.argsort(volumes)
    return list(gallery.items["id"].to_numpy()[order[:n]]), volumes[order[:n]]


def test_a_small_collection_is_read_whole_and_gives_what_a_full_ranking_gives(data_folder, gallery, shown, monkeypatch):
    monkeypatch.setenv("GRAM_MILVUS_URI", str(data_folder / "held.db"))
    monkeypatch.setattr("app.views.retrieval.milvus.FETCHES", (256, len(gallery)))
    item = gallery.items["id"].iloc[7]
    at = connected(opened(item))
    at.selectbox(key="milvus_fetch").set_value(len(gallery))
    at.run()
    ids, volumes = best(gallery, item, 10)
    answer = shown[-1].left
    assert [hit.id for hit in answer.hits] == ids
    np.testing.assert_allclose([hit.base * hit.height for hit in answer.hits], volumes, atol=1e-4)
    assert any(f"All {len(gallery):,} items" in line for line in said(at))
    assert any(re.fullmatch(rf"#### \S+ ranks [\d.]+ of {len(gallery):,} candidates", line) for line in said(at))
    # the other ranking is of another model, whose vectors were not pushed
    assert any("other vectors of these items" in each.value for each in at.info)
    assert not hasattr(shown[-1].right, "elsewhere")


def test_few_candidates_are_said_to_be_so_with_what_the_exact_search_has_among_them(
    data_folder, gallery, shown, monkeypatch
):
    monkeypatch.setenv("GRAM_MILVUS_URI", str(data_folder / "held.db"))
    monkeypatch.setattr("app.views.retrieval.milvus.FETCHES", (12, 256))
    item = gallery.items["id"].iloc[7]
    at = connected(opened(item))
    at.selectbox(key="milvus_fetch").set_value(12)
    at.run()
    answer = shown[-1].left
    ids, _ = best(gallery, item, 10)
    assert 12 <= answer.size < len(gallery)
    line = next(line for line in said(at) if "not certified" in line)
    assert f"best of {answer.size} candidates" in line
    assert f"of {len(gallery):,} items" in line
    assert "recall is unknown" in line
    agreeing = len(set(ids) & {hit.id for hit in answer.hits})
    assert f"{agreeing} are among them" in line


def test_items_that_the_set_does_not_have_are_told_in_one_line(data_folder, gallery, shown, monkeypatch):
    monkeypatch.setenv("GRAM_MILVUS_URI", str(data_folder / "held.db"))
    item = gallery.items["id"].iloc[1]
    at = connected(opened(item), collection="more")
    assert [hit.id for hit in shown[-1].left.hits if hit.id.startswith("strange")] == []
    agreeing = len(set(best(gallery, item, 10)[0]) & {hit.id for hit in shown[-1].left.hits})
    assert agreeing < 10  # a strange one took a place
    assert any(f"{agreeing} are among them" in line for line in said(at))
    lines = [line for line in said(at) if "does not have" in line]
    assert len(lines) == 1
    assert "strange-2" in lines[0]


def test_a_token_is_nowhere_to_be_seen_once_it_was_given(data_folder, gallery, capfd, monkeypatch):
    monkeypatch.setenv("GRAM_DATA_DIR", str(data_folder))
    at = connected(opened(gallery.items["id"].iloc[2]), "held.db", token=TOKEN)
    assert any("items by image, speech, tones" in each.value for each in at.caption)
    assert str(data_folder) not in " ".join(said(at))
    at = connected(opened(gallery.items["id"].iloc[2]), "held.db", collection="none")
    assert any("'none' at held.db does not exist" in each.value for each in at.error)
    assert str(data_folder) not in " ".join(said(at))
    at = connected(opened(gallery.items["id"].iloc[2]), f"http://root:s3kret@127.0.0.1:{unused_port()}", token=TOKEN)
    assert at.text_input(key="milvus_token").value == ""
    assert at.text_input(key="milvus_uri").value == ""
    told = " ".join([*said(at), str(at.query_params), *capfd.readouterr()])
    assert "hush" not in told
    assert "s3kret" not in told
    assert len([each for each in at.error if "cannot be reached" in each.value]) == 1


def test_the_apps_own_token_goes_to_its_own_address_alone(monkeypatch):
    from app.views.retrieval import milvus

    given = []

    class Index:
        candidates = OTHERS

        def __init__(self, uri, *, collection, token, timeout):
            given.append((uri, token))

        def __len__(self):
            return 1

    monkeypatch.setattr(milvus, "MilvusSearcher", Index)
    monkeypatch.setenv("GRAM_MILVUS_URI", "http://own:1")
    monkeypatch.setenv("GRAM_MILVUS_TOKEN", TOKEN)
    for uri, token in (("", ""), ("http://other:1", ""), ("http://other:1", "theirs"), ("", "theirs")):
        milvus.opened_at(uri, "gram", token)
    assert given == [
        ("http://own:1", TOKEN), ("http://other:1", None), ("http://other:1", "theirs"), ("http://own:1", "theirs")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["{out}/held.db", "../out/held.db", "link.db", "new.db", "a\0.db", "empty.db", "half.db"]
)
def test_a_path_stays_below_the_data_folder_and_nothing_is_made_there(tmp_path, data_folder, monkeypatch, name):
    from app.views.retrieval import milvus

    root, out = tmp_path / "data", tmp_path / "out"
    for folder in (root / "empty.db", root / "half.db"):
        folder.mkdir(parents=True)
    shutil.copytree(data_folder / "held.db", out / "held.db")
    (root / "link.db").symlink_to(out / "held.db")
    (root / "half.db" / "collections").symlink_to(out / "held.db" / "collections")
    monkeypatch.setenv("GRAM_DATA_DIR", str(root))
    before = sorted(root.rglob("*"))
    with pytest.raises(ValueError, match="below the data folder"):
        milvus.opened_at(name.format(out=out), "same", "")
    assert sorted(root.rglob("*")) == before


def test_an_app_that_is_open_to_the_network_connects_to_its_own_server_alone(monkeypatch):
    from app.views.retrieval import milvus

    class Reached(ValueError):
        pass

    def reach(place, **options):
        raise Reached(place)

    monkeypatch.setattr(milvus, "MilvusSearcher", reach)
    monkeypatch.setenv("GRAM_MILVUS_URI", "http://ours:19530")
    for listens, place, connects in (
        ("0.0.0.0", "http://10.0.0.7:19530", False),
        ("0.0.0.0", "http://ours:19530", True),
        ("0.0.0.0", "", True),
        ("localhost", "http://10.0.0.7:19530", True),
    ):
        monkeypatch.setattr(milvus.st, "get_option", lambda name, listens=listens: listens)
        with pytest.raises(ValueError, match="http" if connects else "open to the network") as refused:
            milvus.opened_at(place, "gram", "")
        assert isinstance(refused.value, Reached) is connects


def test_without_a_data_folder_no_path_is_opened(data_folder, gallery, monkeypatch):
    monkeypatch.delenv("GRAM_DATA_DIR", raising=False)
    at = connected(opened(gallery.items["id"].iloc[2]), str(data_folder / "held.db"))
    assert any("no data folder" in each.value for each in at.error)


def test_a_lost_connection_is_one_line_and_the_exact_search_stays(tmp_path, gallery, shown, monkeypatch):
    monkeypatch.setattr("app.views.retrieval.milvus._TIMEOUT", 2.0)
    server = Server(tmp_path / "served.db")
    server.start()
    try:
        with MilvusSearcher(server.uri, candidates=OTHERS) as index:
            index.push(gallery)
        item = gallery.items["id"].iloc[3]
        at = connected(opened(item), server.uri, "gram")
        assert hasattr(shown[-1].left, "elsewhere")
    finally:
        server.kill()
    at.run()
    assert not at.exception
    assert len(at.error) == 1
    assert "cannot be reached" in at.error[0].value
    assert [hit.id for hit in shown[-1].left.hits] == best(gallery, item, 10)[0]
    assert not hasattr(shown[-1].left, "elsewhere")
    at.run()
    assert len(at.error) == 1  # and the address can be given anew
    assert at.text_input(key="milvus_uri").value == server.uri


def test_what_a_collection_cannot_be_asked_is_said_and_searched_exactly(data_folder, gallery, shown, monkeypatch):
    monkeypatch.setenv("GRAM_MILVUS_URI", str(data_folder / "held.db"))
    at = connected(opened(gallery.items["id"].iloc[4], candidates="image,speech"))
    assert any("items are judged here by image, speech" in line for line in said(at)), said(at)
    assert not hasattr(shown[-1].left, "elsewhere")


def test_without_pymilvus_there_is_no_choice(gallery, monkeypatch):
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pymilvus" else find_spec(name, *rest)
    )
    at = opened(gallery.items["id"].iloc[4])
    assert [each.key for each in at.segmented_control if each.key == "milvus_where"] == []
