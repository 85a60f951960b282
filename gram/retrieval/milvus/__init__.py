"""Search beyond one machine: an embedding set in Milvus, searched by any measure.

The same code opens Milvus Lite, which keeps a collection in a folder here (a path that ends in `.db`), and a cluster by
its address and token. It needs `pip install gram[milvus]`; nothing here imports pymilvus before a collection is used.

    index = MilvusSearcher("http://localhost:19530", token=token, measure="volume")
    index.push(gallery)  # goes on where an earlier push stopped, and sends only what is new
    hits = index.search(queries, k=10)  # hits.ids, hits.scores; hits.exact says whether nothing can be missing
"""

from gram.retrieval.milvus.search import DEFAULT_FETCH, MilvusHits, MilvusSearcher, Pushed

__all__ = ["DEFAULT_FETCH", "MilvusHits", "MilvusSearcher", "Pushed"]
