"""Search beyond one machine: an embedding set in Milvus, searched by any measure.

Milvus Lite, a folder whose path ends in `.db`, and clusters are opened by the same code. It needs
`pip install gram[milvus]`; pymilvus is imported when a collection is first used.

    searcher = MilvusSearcher("http://localhost:19530", token=token, measure="volume", gallery=gallery)
    searcher.push(gallery)  # resumes an interrupted push; only new and changed items are sent
    answer = searcher.search(Query("text", id="4721"))  # an `Answer`; `answer.exact`: no better item can be missing
    hits = searcher.search(queries, k=10)  # vectors (q, d): hits.ids, hits.scores, hits.exact
"""

from gram.retrieval.milvus.push import Pushed
from gram.retrieval.milvus.search import DEFAULT_FETCH, MilvusAnswer, MilvusHits, MilvusSearcher

__all__ = ["DEFAULT_FETCH", "MilvusAnswer", "MilvusHits", "MilvusSearcher", "Pushed"]
