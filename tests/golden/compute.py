"""What the golden values are made of: every call into the library that they need is in this file.

Each function returns numbers, text and containers of them, by field. The keys are this file's own words, so a rename in
the library changes a line here and no golden value.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from gram import EmbeddingSet, evaluate, measures
from gram.diagnostics import (
    FAULTS,
    Cases,
    Diagnosis,
    compare_outcomes,
    confusions,
    diagnose,
    failure_rate,
    find_cases,
    measure_remedies,
    plant,
)
from gram.distributions import distributions
from gram.evaluation import DIRECTIONS, RetrievalReport
from gram.retrieval import JointQuery, Query, Retriever, candidates_for

Sets = dict[str, EmbeddingSet]
Values = dict[str, Any]

ASSETS = Path(__file__).parents[2] / "assets" / "numbers"
METRICS = ("R@1", "R@5", "R@10", "median_rank", "mean_rank", "mrr")
RANK_ENDS = (1, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)  # the last rank of each bin; one more bin lies beyond
BY_MODALITY = ("volume", "height", "cosine", "centroid")
COLUMNS = (
    "image_noise", "image_occluded", "speech_tempo", "speech_snr", "speech_dropped", "tones_seconds", "tones_snr",
    "tones_dropped",
)  # fmt: skip
ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("0108", ("text",)),  # wrong by volume, height and cosine
    ("1371", ("text",)),
    ("8555", ("text",)),  # wrong by volume
    ("6375", ("text",)),  # wrong by cosine
    ("2405", ("image",)),
    ("4181", ("image",)),
    ("1371", ("speech",)),
    ("8033", ("speech",)),
    ("0108", ("text", "image")),
    ("6375", ("image", "speech")),
    ("2405", ("text", "speech", "tones")),
)


def load_sets() -> Sets:
    """Return the two built-in sets, and a third: the first with an image gone in 7 items and speech in 11."""
    sets = {name: EmbeddingSet.load(ASSETS / name / "test") for name in ("gram", "cosine")}
    whole = sets["gram"]
    rows = {name: vectors.clone() for name, vectors in whole.modalities.items()}
    rows["image"][::7] = torch.nan
    rows["speech"][::11] = torch.nan
    return sets | {"lacking": EmbeddingSet(rows, whole.items, whole.info)}


def others(embedding_set: EmbeddingSet, query: str) -> tuple[str, ...]:
    """Return the modalities of a candidate: all but the query."""
    return tuple(name for name in embedding_set.names if name != query)


def _digest(*columns: Any) -> str:
    """Return a sha256 of whole numbers, one column after the other."""
    digest = hashlib.sha256()
    for column in columns:
        digest.update(np.asarray(column).astype("<i8").tobytes())
    return digest.hexdigest()


def _digest_of_text(words: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


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
        "sha256_of_better_and_tied": _digest(report.places.better, report.places.tied),
    }


# --- diagnosis ---


def diagnosis(sets: Sets) -> Values:
    """Return what is said of the built-in sets, of one that lacks rows, and of one planted set a fault."""
    tasks = [("gram", "volume"), ("gram", "height"), ("cosine", "cosine"), ("cosine", "volume"), ("lacking", "volume")]
    found = {f"{name} by {measure}": _diagnosis(diagnose(sets[name], measure=measure)) for name, measure in tasks}
    found["cosine by cosine, image asks, a sample"] = _diagnosis(
        diagnose(sets["cosine"], "image", ("text", "tones"), "cosine", sample=500, seed=3)
    )
    planted = {f"planted {fault}": _diagnosis(diagnose(_planted(fault))) for fault in ("none", *FAULTS)}
    return found | planted


def _planted(fault: str) -> EmbeddingSet:
    return plant(fault, seed=0, n=300, k=4, d=64)


def _diagnosis(told: Diagnosis) -> Values:
    return {
        "recall": told.recall,
        "interval": list(told.interval),
        "looked_at": list(told.sampled),
        "findings": [
            {
                "kind": each.cause,
                "severity": each.severity,
                "title": each.title,
                "sentence": each.text,
                "modalities": list(each.modalities),
                "items": list(each.items),
                "numbers": _numbers(each.numbers),
                "to_do": each.remedy,
            }
            for each in told.findings
        ],
        "checks": [[each.cause, each.found, each.text] for each in told.checked],
    }


def _numbers(value: Any) -> Any:
    """Return what a finding measured, with numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {str(key): _numbers(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


# --- failures ---


def failures(sets: Sets) -> Values:
    """Return the cases of the built-in sets and of the one that lacks rows, and the causes in planted sets."""
    tasks = [("gram", "volume"), ("cosine", "cosine"), ("lacking", "volume")]
    found = {f"{name} by {measure}": _cases(find_cases(sets[name], measure=measure)) for name, measure in tasks}
    sample = find_cases(sets["gram"], "speech", ("image", "tones"), "height", sample=300, seed=1)
    found["gram by height, speech asks, a sample"] = _cases(sample, shown=10)
    planted = {f"planted {fault}": _cases(find_cases(_planted(fault)), shown=3) for fault in ("none", *FAULTS)}
    return found | planted


def _cases(cases: Cases, *, shown: int = 40) -> Values:
    table, wrong = cases.table, cases.failures.head(shown)
    words = ("winner", "cause", "at_fault")
    counts = ("winner_occurrences",)
    floats = (
        "rank", "margin", "base_true", "base_winner", "height_true", "height_winner",
        *(f"without_{name}" for name in cases.candidates),
        "rank_same_base", "rank_by_height", "rank_turned", "rank_without_hubs",
    )  # fmt: skip
    return {
        "asked": len(cases),
        "ranked": cases.gallery,
        "left_out": cases.left_out,
        "counts": dict(cases.counts),
        "usual_base": cases.reference.base,
        "far_height": cases.reference.height,
        "turned_as_a_whole": list(cases.reference.turned),
        "sha256_of_causes": _digest_of_text(
            (table["cause"] + "/" + table["at_fault"] + "/" + table["winner"]).tolist()
        ),
        "sha256_of_doubled_ranks": _digest((table["rank"] * 2).round()),
        "sum_of_margins": float(table["margin"].sum()),
        "failures": {
            "item": wrong["id"].tolist(),
            **{name: wrong[name].astype(str).tolist() for name in words},
            **{name: wrong[name].astype(int).tolist() for name in counts},
            **{name: wrong[name].astype(float).tolist() for name in floats},
        },
    }


def two_rankings(sets: Sets) -> Values:
    """Return which items two rankings get right: two measures on one set, and the two models, each by its own."""
    volume, height = (find_cases(sets["gram"], measure=measure) for measure in ("volume", "height"))
    cosine = find_cases(sets["cosine"], measure="cosine")
    sample = find_cases(sets["gram"], measure="cosine", sample=500, seed=2)
    return {
        "gram by volume, gram by height": _outcomes(volume, height),
        "gram by volume, cosine by cosine": _outcomes(volume, cosine),
        "gram by cosine of a sample, gram by volume": _outcomes(sample, volume),
    }


def _outcomes(left: Cases, right: Cases) -> Values:
    both = compare_outcomes(left, right)
    return {
        "items": both.n,
        "left_out": both.left_out,
        "counts": list(both.counts.items()),
        "shares": [list(both.shares[cell]) for cell in both.ids],
        "mcnemar_p": both.p_value,
        "left": list(both.left),
        "right": list(both.right),
        "newcombe": list(both.difference),
        "ids": {cell: list(ids[:20]) for cell, ids in both.ids.items()},
    }


def patterns(sets: Sets) -> Values:
    """Return how often items fail by each recorded column, and which digit is taken for which."""
    found: Values = {}
    for name, measure in (("gram", "cosine"), ("cosine", "volume")):
        cases, items = find_cases(sets[name], measure=measure), sets[name].items
        found[f"{name} by {measure}"] = {
            "rates": {column: _table(failure_rate(cases.table, items[column])) for column in COLUMNS},
            "rates_by_given_edges": _table(failure_rate(cases.table, items["speech_snr"], bins=[-10, 0, 5, 10, 30])),
            "taken_for": _table(confusions(cases)),
        }
    return found


def _table(frame: pd.DataFrame) -> Values:
    return {str(name): column.tolist() for name, column in frame.items()}


def remedies(sets: Sets) -> Values:
    """Return what each remedy does on a built-in set by volume, on the other by cosine, and on two planted sets."""
    tasks = [
        ("gram by volume", sets["gram"], "volume"),
        ("cosine by cosine", sets["cosine"], "cosine"),
        ("planted hubs", _planted("hubs"), "volume"),
        ("planted sign-flip", _planted("sign-flip"), "cosine"),
    ]
    return {
        name: {
            each.name: {
                "title": each.title,
                "chosen": each.parameter,
                "recall": each.recall,
                "untouched": each.untouched,
                "difference": each.difference,
                "interval": list(each.interval),
                "gained": each.gained,
                "lost": each.lost,
                "items": each.items,
                "verdict": each.verdict,
                "sentence": each.text,
            }
            for each in measure_remedies(embedding_set, measure=measure)
        }
        for name, embedding_set, measure in tasks
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
    answer = Retriever(gallery, candidates=candidates, measure=measure).ask(query, k=10)
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


SUBJECTS: dict[str, Callable[[Sets], Values]] = {
    "evaluation-gram": lambda sets: evaluation(sets["gram"]),
    "evaluation-cosine": lambda sets: evaluation(sets["cosine"]),
    "diagnosis": diagnosis,
    "failures": failures,
    "two-rankings": two_rankings,
    "patterns": patterns,
    "remedies": remedies,
    "asking": asking,
    "distributions-gram": lambda sets: matched_and_mismatched(sets["gram"]),
    "distributions-cosine": lambda sets: matched_and_mismatched(sets["cosine"]),
}
