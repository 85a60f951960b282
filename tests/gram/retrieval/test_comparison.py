"""Two answers side by side: each one's hits by their rank in the other."""

import numpy as np
import pandas as pd

from gram import EmbeddingSet, Searcher
from gram.retrieval.comparison import compare
from gram.retrieval.query import Query


def test_ranks_are_those_of_whole_lists_and_progress_is_told_for_both():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(50, 8))
    arrays = {name: (shared + rng.normal(size=(50, 8))).astype(np.float32) for name in ("text", "image", "speech")}
    arrays["image"][9], arrays["speech"][9] = np.nan, np.nan
    gallery = EmbeddingSet(arrays, pd.DataFrame({"id": [f"i{row}" for row in range(50)]}))
    left, right = Searcher(gallery), Searcher(gallery, measure="cosine")
    query = Query("text", id="i3")
    found = compare(query, left, right, k=4)
    whole = [{hit.id: hit.rank for hit in searcher.search(query, 50).hits} for searcher in (left, right)]
    listed = {hit.id for hit in (*found.left.hits, *found.right.hits)} | {"i3"}
    assert found.ranks == {item: (whole[0][item], whole[1][item]) for item in listed}
    lost = compare(Query("text", id="i9"), left, right, k=4)
    assert lost.left.true is None
    assert "i9" not in lost.ranks
