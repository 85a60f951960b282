"""Golden values of evaluation, search, distributions and the table of measures."""

from collections.abc import Sequence

import numpy as np

from gram import EmbeddingSet, evaluate, measures
from gram.retrieval.distributions import distributions
from gram.retrieval.evaluate import DIRECTIONS, RetrievalReport
from gram.retrieval.measure_table import against, leading, measure_row, tasks
from gram.retrieval.query import JointQuery, Query, candidates_for
from gram.retrieval.search import Searcher
from tests.golden.sets import ASKED, BY_MODALITY, METRICS, RANK_ENDS, Sets, Values, digest, others

# --- evaluation ---


def evaluation(embedding_set: EmbeddingSet) -> Values:
    """Return every measure by the text in both directions, the triangle over two candidates, four by each modality."""
    names = measures.names(len(embedding_set.names))
    tasks = [("text", None, name, direction) for name in names for direction in DIRECTIONS]
    tasks += [("text", ("image", "speech"), "triangle", direction) for direction in DIRECTIONS]
    tasks += [(query, None, name, DIRECTIONS[0]) for query in others(embedding_set, "text") for name in BY_MODALITY]
    return {
        f"{query} over {' + '.join(chosen or ('the rest',))} by {name}, {direction}": _report(
            evaluate(embedding_set, query, chosen, name, direction)
        )
        for query, chosen, name, direction in tasks
    }


def _report(report: RetrievalReport) -> Values:
    ranks = report.ranks.numpy()
    return {
        "candidates": list(report.candidates),
        "ranked": report.n,
        "left_out": report.left_out,
        "warning": report.caution,
        "metrics": {metric: report.value(metric) for metric in METRICS},
        "recall": {str(k): float(value) for k, value in report.recall.items()},
        "intervals": {metric: list(report.interval(metric)) for metric in METRICS},
        "ranks_by_bin": np.bincount(np.searchsorted(RANK_ENDS, ranks), minlength=len(RANK_ENDS) + 1).tolist(),
        "first_ranks": ranks[:50].tolist(),
        "sha256_of_better_and_tied": digest(report.true_ranks.better, report.true_ranks.tied),
    }


# --- asking ---


def asking(sets: Sets) -> Values:
    """Return eleven queries by three measures, the first two by all, and one more where items lack rows."""
    gallery = sets["gram"]
    found: Values = {}
    for place, (item, asked) in enumerate(ASKED):
        candidates = candidates_for(asked, gallery.names, gallery=gallery)
        for measure in measures.names(1 + len(candidates)) if place < 2 else BY_MODALITY[:3]:
            found[f"{item} by its {' + '.join(asked)}, {measure}"] = _answer(gallery, item, asked, candidates, measure)
    found["where rows lack, volume"] = _answer(
        sets["lacking"], "1371", ("text",), ("image", "speech", "tones"), "volume"
    )
    return found


def _answer(gallery: EmbeddingSet, item: str, asked: Sequence[str], candidates: Sequence[str], measure: str) -> Values:
    parts = tuple(Query(modality, id=item) for modality in asked)
    query = parts[0] if len(parts) == 1 else JointQuery(parts)
    answer = Searcher(gallery, candidates=candidates, measure=measure).search(query, k=10)
    assert answer.true is not None
    return {
        "candidates": list(answer.candidates),
        "ranked": answer.size,
        "first": [hit.id for hit in answer.hits],
        "scores": [hit.score for hit in answer.hits],
        "bases": [hit.base for hit in answer.hits],
        "heights": [hit.height for hit in answer.hits],
        "cosines_of_first": dict(answer.hits[0].cosines),
        "own_cosines": [hit.own_cosine for hit in answer.hits],
        "true": [answer.true.rank, answer.true.score, answer.true.base, answer.true.height],
        "reason": answer.why(),
    }


# --- distributions ---


def matched_and_mismatched(embedding_set: EmbeddingSet) -> Values:
    """Return the distributions of every measure; of the triangle over two candidates, of one a sample of pairs."""
    tasks: list[tuple[str, tuple[str, ...], int]] = [
        (measure, others(embedding_set, "text"), 3_000) for measure in measures.names(len(embedding_set.names))
    ]
    tasks += [("triangle", ("image", "speech"), 3_000), ("volume", ("image", "tones"), 400)]
    return {
        f"{measure} over {' + '.join(candidates)}": _distribution(embedding_set, measure, candidates, most)
        for measure, candidates, most in tasks
    }


def _distribution(embedding_set: EmbeddingSet, measure: str, candidates: Sequence[str], most: int) -> Values:
    found = distributions(embedding_set, candidates=candidates, query="text", measure=measure, max_items=most)
    return {
        "small_is_aligned": found.small_is_aligned,
        "items": len(found.rows),
        "pairs": found.pairs,
        "left_out": found.left_out,
        "ends": [float(found.edges[0]), float(found.edges[-1])],
        "matched": found.matched_counts.tolist(),
        "mismatched": found.mismatched_counts.tolist(),
        "first_matched_values": found.matched[:10].tolist(),
        "matched_mean": float(found.matched.mean()),
        "mismatched_median": found.mismatched_median,
        "auc": found.auc,
        "auc_interval": list(found.auc_interval),
        "overlap": found.overlap,
        "threshold": found.threshold,
    }


# --- the table of measures ---


def table_of_measures(sets: Sets) -> Values:
    """Return the table of one set: each measure in both directions, which of them lead, and how volume compares."""
    whole = sets["gram"]
    rows = [measure_row(whole, "text", others(whole, "text"), *task, "cpu") for task in tasks(len(whole.names))]
    by_volume = {row.direction: row for row in rows if row.measure == "volume"}
    leaders = {metric: leading(rows, metric) for metric in ("R@1", "median_rank")}
    return {
        f"{row.measure}, {row.direction}": {
            "items": row.items,
            "left_out": row.left_out,
            "values": dict(row.values),
            "intervals": {metric: list(ends) for metric, ends in row.intervals.items()},
            "leads": [bool(led[place]) for led in leaders.values()],
            "against_volume": against(row, by_volume[row.direction], "R@1"),
            "why_not": row.reason,
        }
        for place, row in enumerate(rows)
    }
