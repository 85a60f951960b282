"""What a run's embeddings find: R@1 item by item, as observations."""

from collections.abc import Mapping, Sequence
from typing import Any

from gram.data.embedding_set import EmbeddingSet
from gram.experiments.tables import Observation
from gram.retrieval.evaluate import evaluate

QUERY = "text"


def recall_at_1(
    embedded: EmbeddingSet,
    candidates: Sequence[str],
    measure: str,
    *,
    keys: Mapping[str, Any],
    seed: int,
    direction: str = "query-to-candidates",
    metric: str = "R@1",
) -> Observation:
    """Return R@1 of text asking the candidates, or being asked, with what each item adds; see `gram.evaluate`.

    All items must have the text and some candidate, so that observations of other measures and runs pair with it.
    """
    report = evaluate(embedded, QUERY, candidates, measure, direction, device="cpu")
    return Observation(keys, metric, seed, items=report.per_item("R@1").double().numpy())
