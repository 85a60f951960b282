"""What servers other than Milvus Lite do: ask for tokens, be old, let some only read, go away at any moment."""

import time
from concurrent import futures

import grpc
import numpy as np
import pandas as pd
import pytest
from pymilvus import MilvusClient, MilvusException

from gram import DatabaseError, EmbeddingSet, MilvusSearcher
from gram.retrieval.milvus.connection import Connection

INDEXED = ["base", "slot", "vector_image", "vector_speech"]


@pytest.fixture
def gallery():
    rng = np.random.default_rng(3)
    modalities = {name: rng.normal(size=(40, 6)).astype(np.float32) for name in ("text", "image", "speech")}
    return EmbeddingSet(modalities, pd.DataFrame({"id": [f"{number}" for number in range(40)]}))


@pytest.fixture
def asked(monkeypatch):
    """The methods that Milvus is asked for, in turn."""
    methods = []
    ask = Connection.ask

    def noted(self, method, *args, **options):
        methods.append(method)
        return ask(self, method, *args, **options)

    monkeypatch.setattr(Connection, "ask", noted)
    return methods


class Refusing(grpc.GenericRpcHandler):
    """A server that lets nobody in, whatever is asked."""

    def __init__(self, status, says):
        self.status, self.says, self.calls = status, says, 0

    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(self.refuse)

    def refuse(self, request, context):
        self.calls += 1
        context.abort(self.status, self.says)


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_a_token_that_is_refused_is_not_taken_for_a_server_that_is_away(status):
    handler = Refusing(status, "PrivilegeQuery: not for root:hush-hush")
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        started = time.perf_counter()
        index = MilvusSearcher(f"http://127.0.0.1:{port}", token="root:hush-hush")
        with pytest.raises(DatabaseError, match=r"refuses the token; give one .*\(PrivilegeQuery: not for ") as raised:
            index.search(np.ones(6))
        assert time.perf_counter() - started < 5  # it is not asked again and again
        assert "hush" not in str(raised.value)
        assert handler.calls == 1
    finally:
        server.stop(None)


@pytest.mark.parametrize("made", [0, len(INDEXED) - 1])
def test_a_collection_whose_making_was_cut_off_is_completed_by_the_next_push(tmp_path, gallery, monkeypatch, made):
    place, left = str(tmp_path / "half.db"), made
    create_index = MilvusClient.create_index

    def cut_off(self, *args, **options):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return create_index(self, *args, **options)

    monkeypatch.setattr(MilvusClient, "create_index", cut_off)
    with MilvusSearcher(place) as index, pytest.raises(KeyboardInterrupt):
        index.push(gallery)
    monkeypatch.undo()
    with MilvusSearcher(place) as index:
        assert index.push(gallery).sent == 40
    client = MilvusClient(place)
    assert sorted(client.list_indexes("gram")) == INDEXED
    client.close()


def test_who_may_only_read_is_asked_for_nothing_else(tmp_path, gallery, asked):
    with MilvusSearcher(str(tmp_path / "read.db")) as index:
        index.push(gallery)
        assert "create_collection" in asked
        asked.clear()
        other = MilvusSearcher(str(tmp_path / "read.db"))
        other.search(gallery.modalities["text"][0], 3, fetch=8)
        other.close()
    reading = {"has_collection", "describe_collection", "list_indexes", "get_load_state", "query", "search"}
    assert set(asked) == reading


def test_who_may_not_ask_whether_a_collection_is_loaded_may_search_it(tmp_path, gallery, monkeypatch):
    refused = "PrivilegeLoad: permission deny to reader"

    def refuse(self, *args, **options):
        raise MilvusException(message=refused)

    place = str(tmp_path / "reader.db")
    with MilvusSearcher(place) as index:
        index.push(gallery)
    monkeypatch.setattr(MilvusClient, "get_load_state", refuse)
    with MilvusSearcher(place) as index:
        assert index.search(gallery.modalities["text"][:2], 3).ids.shape == (2, 3)
    with (
        MilvusSearcher(place, collection="another") as index,
        pytest.raises(DatabaseError, match=rf"refuses the token; .*\({refused}\)"),
    ):
        index.push(gallery)


def test_a_milvus_that_keeps_one_vector_an_item_is_said_to_be_too_old(tmp_path, gallery, monkeypatch, asked):
    monkeypatch.setattr(MilvusClient, "get_server_version", lambda self, **_: "v2.3.5-lite")
    too_old = pytest.raises(DatabaseError, match=r"its Milvus is v2\.3\.5-lite, .*; 2\.4 or newer is needed")
    with MilvusSearcher(str(tmp_path / "old.db")) as index, too_old:
        index.push(gallery)
    assert "create_collection" not in asked
    monkeypatch.setattr(MilvusClient, "get_server_version", lambda self, **_: "v2.10.1-gpu")
    with MilvusSearcher(str(tmp_path / "old.db")) as index:
        assert index.push(gallery).sent == 40
