"""What is logged while Milvus is asked: nothing of ours twice, and a program's own logging as it was."""

import logging
import re
import threading

import numpy as np
import pandas as pd
import pytest

from gram import DatabaseError, EmbeddingSet, MilvusSearcher
from gram.retrieval.milvus import connection as _connection

# gRPC's C code writes to standard error by itself, as when a busy server takes its pings for too many.
OF_GRPC = re.compile(r"too.many.pings|\.cc:\d+\]", re.IGNORECASE)


@pytest.fixture(scope="module")
def gallery():
    rng = np.random.default_rng(9)
    rows = {name: rng.normal(size=(20, 12)).astype(np.float32) for name in ("text", "image")}
    return EmbeddingSet(modalities=rows, items=pd.DataFrame({"id": [f"item {row}" for row in range(20)]}))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return str(tmp_path_factory.mktemp("milvus") / "items.db")


@pytest.fixture(scope="module")
def held(file, gallery):
    with MilvusSearcher(file, collection="held") as index:
        index.push(gallery)
        yield index


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def state_of(logger):
    return logger.level, logger.propagate, logger.disabled, list(logger.filters), list(logger.handlers)


def test_a_programs_own_logging_is_left_as_it_was(file, held, gallery, capfd):
    """Another client of the same process is heard as before; a fault of ours is raised, and not logged beside."""
    from pymilvus.exceptions import MilvusException

    client, kept = held._connection._opened(), Kept()
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("pymilvus", "milvus_lite"))]
    loggers = [logging.getLogger(), *map(logging.getLogger, [*names, "grpc._server"])]
    before = [state_of(logger) for logger in loggers]
    heard = [logging.getLogger(name) for name in ("pymilvus", "milvus_lite", "grpc")]
    for logger in heard:
        logger.addHandler(kept)
    try:
        with MilvusSearcher(file, collection="held") as index, pytest.raises(DatabaseError, match="Milvus refuses"):
            index._collection.count("id ==== 3")
        with MilvusSearcher(file, collection="quiet") as index:
            index.push(gallery)
        assert not kept.records
        assert [line for line in capfd.readouterr().err.splitlines() if not OF_GRPC.search(line)] == []
        with pytest.raises(MilvusException):
            client.query("held", filter="id ==== 3")
        assert {record.name.partition(".")[0] for record in kept.records} >= {"pymilvus"}
        assert all(record.levelno >= logging.ERROR for record in kept.records)
    finally:
        for logger in heard:
            logger.removeHandler(kept)
    assert [state_of(logger) for logger in loggers] == before


def test_another_threads_client_is_heard_while_a_call_of_ours_lasts(held):
    kept = Kept()
    logger = logging.getLogger("pymilvus.decorators")
    logger.addHandler(kept)
    try:
        with _connection._quiet_loggers():
            logger.error("ours")
            logger.info("ours, of no weight")
            other = threading.Thread(target=logger.error, args=("theirs",))
            other.start()
            other.join()
        logger.error("after")
    finally:
        logger.removeHandler(kept)
    assert [record.getMessage() for record in kept.records] == ["theirs", "after"]


def test_a_token_in_what_the_server_says_is_blotted_out():
    from pymilvus.exceptions import MilvusException

    connection = _connection.Connection("http://u:word@host:1", "root:hush", 1)
    said = str(
        connection.fault(MilvusException(65535, "auth check failure for root:hush, hush at http://u:word@host:1"))
    )
    assert said.startswith("http://host:1: refuses the token; give one")
    assert "hush" not in said
    assert "word" not in said


def test_a_file_is_not_asked_whether_it_is_still_there(tmp_path, gallery, monkeypatch):
    """Milvus Lite hangs up on a client that pings it while nothing else is asked; a server far away may need it."""
    import pymilvus

    opened = []

    class Noted(pymilvus.MilvusClient):
        def __init__(self, uri, **options):
            opened.append((uri, options.get("grpc_options", {}).get("grpc.keepalive_time_ms", 10_000)))
            super().__init__(uri, **options)

    monkeypatch.setattr(pymilvus, "MilvusClient", Noted)
    with MilvusSearcher(str(tmp_path / "quiet.db")) as index:
        index.push(gallery)
        assert len(index) == 20
    with MilvusSearcher("http://localhost:1", timeout=0.1) as index, pytest.raises(DatabaseError):
        len(index)
    assert [name.rpartition("/")[2] for name, _ in opened][:2] == ["quiet.db", "localhost:1"]
    assert opened[0][1] > 24 * 3600 * 1000
    assert opened[1][1] == 10_000
