"""What the golden values are made of: every call into the library that they need is in this file.

Each function returns numbers, text and containers of them, by field. The keys are this file's own words, so a rename in
the library changes a line here and no golden value.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from gram import EmbeddingSet, evaluate, measures
from gram.diagnostics import (
    Cases,
    Diagnosis,
    compare_outcomes,
    confusions,
    diagnose,
    failure_rate,
    find_cases,
    make_faulty_set,
    measure_remedies,
    plantable_faults,
)
from gram.geometry import (
    base_and_height,
    embed_in_3d,
    gram_matrix,
    heights,
    log_volume,
    pairwise_volume,
    random_volume,
    volume,
)
from gram.losses import LOSSES, AnchorMatching
from gram.projection import Layout, project
from gram.retrieval.distributions import distributions
from gram.retrieval.evaluate import DIRECTIONS, RetrievalReport
from gram.retrieval.measure_table import against, leading, measure_row, tasks
from gram.retrieval.query import JointQuery, Query, candidates_for
from gram.retrieval.search import Searcher

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
        "sha256_of_better_and_tied": _digest(report.true_ranks.better, report.true_ranks.tied),
    }


# --- diagnosis ---


def diagnosis(sets: Sets) -> Values:
    """Return what is said of the built-in sets, of one that lacks rows, and of one planted set a fault."""
    tasks = [("gram", "volume"), ("gram", "height"), ("cosine", "cosine"), ("cosine", "volume"), ("lacking", "volume")]
    found = {f"{name} by {measure}": _diagnosis(diagnose(sets[name], measure=measure)) for name, measure in tasks}
    found["cosine by cosine, image asks, a sample"] = _diagnosis(
        diagnose(sets["cosine"], "image", ("text", "tones"), "cosine", sample=500, seed=3)
    )
    planted = {f"planted {fault}": _diagnosis(diagnose(_planted(fault))) for fault in ("none", *plantable_faults())}
    return found | planted


def _planted(fault: str) -> EmbeddingSet:
    return make_faulty_set(fault, seed=0, n=300, k=4, d=64)


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
    planted = {
        f"planted {fault}": _cases(find_cases(_planted(fault)), shown=3) for fault in ("none", *plantable_faults())
    }
    return found | planted


def _cases(cases: Cases, *, shown: int = 40) -> Values:
    table, wrong = cases.table, cases.failures.head(shown)
    words = ("winner", "cause", "at_fault")
    counts = ("winner_occurrences",)
    floats = (
        "rank", "margin", "base_true", "base_winner", "height_true", "height_winner",
        *(f"without_{name}" for name in cases.candidates),
        "rank_same_base", "rank_by_height", "rank_sign_flipped", "rank_without_hubs",
    )  # fmt: skip
    return {
        "asked": len(cases),
        "ranked": cases.gallery,
        "left_out": cases.left_out,
        "counts": dict(cases.counts),
        "usual_base": cases.statistics.median_base,
        "far_height": cases.statistics.height_limit,
        "turned_as_a_whole": list(cases.statistics.sign_flipped),
        "sha256_of_causes": _digest_of_text(
            (table["cause"] + "/" + table["at_fault"] + "/" + table["winner"]).tolist()
        ),
        "sha256_of_doubled_ranks": _digest((table["rank"] * 2).round()),
        "sum_of_margins": float(table["margin"].sum()),
        "failures": {
            "item": wrong["id"].tolist(),
            **{name: wrong[name].astype(str).tolist() for name in words},
            **{name: wrong[name].astype(int).tolist() for name in counts},
            **{name.replace("sign_flipped", "turned"): wrong[name].astype(float).tolist() for name in floats},
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


# --- projection ---


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Keep what is computed out of the user's cache, and what is in there out of the values."""
    before = os.environ.get("GRAM_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRAM_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["GRAM_CACHE"]
            if before is not None:
                os.environ["GRAM_CACHE"] = before


def stored_pictures(sets: Sets) -> Values:
    """Return the layouts that ship with the sets, as they are found for them: their key and their first points."""
    with _empty_cache():
        found = {
            f"{name}, {method}, {dims}D": project(sets[name], method, dims=dims)
            for name in ("gram", "cosine")
            for method in ("pca", "umap")
            for dims in (2, 3)
        }
    return {name: {"key": layout.key, **_layout(layout, shown=2)} for name, layout in found.items()}


def principal_axes(sets: Sets) -> Values:
    """Return layouts by principal axes of 1,500 items, which none that ships shows, and where rows lack."""
    with _empty_cache():
        found = {
            "gram, 2D": project(sets["gram"].subset(slice(0, 1500)), "pca"),
            "cosine, two modalities, 3D": project(
                sets["cosine"].subset(slice(0, 1500)), "pca", dims=3, modalities=("text", "speech")
            ),
            "lacking, 2D": project(sets["lacking"].subset(slice(0, 300)), "pca"),
        }
    return {name: _layout(layout, shown=12) for name, layout in found.items()}


def neighbourhoods(sets: Sets) -> Values:
    """Return how true a UMAP of 120 items is; where its points are, and how far apart, differs between machines."""
    threads = torch.get_num_threads()
    with _empty_cache():
        layout = project(sets["gram"].subset(slice(0, 120)), "umap", seed=3)
    torch.set_num_threads(threads)  # UMAP's compiled code raises it, and what follows would wait for busy processors
    return {
        "modalities": list(layout.points),
        "shapes": [list(points.shape) for points in layout.points.values()],
        "neighbours_checked": layout.trust_neighbors,
        "points_checked": layout.trust_checked,
        "fitted": layout.fitted,
        "placed_afterwards": layout.placed,
        "trustworthiness": layout.trustworthiness,
    }


def _layout(layout: Layout, *, shown: int) -> Values:
    return {
        "trustworthiness": layout.trustworthiness,
        "neighbours_checked": layout.trust_neighbors,
        "points_checked": layout.trust_checked,
        "explained": list(layout.explained),
        "fitted": layout.fitted,
        "spreads": {name: np.nanstd(points.astype(float), axis=0).tolist() for name, points in layout.points.items()},
        "points": {name: points[:shown].astype(float).tolist() for name, points in layout.points.items()},
    }


# --- vectors and losses ---


def _vectors(*shape: int, seed: int) -> torch.Tensor:
    """Return random unit vectors in float64; numpy's generator gives the same on any machine."""
    drawn = np.random.default_rng(seed).standard_normal(shape)
    return torch.from_numpy(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True))


def geometry(_: Sets) -> Values:
    """Return sizes and gradients of seeded vectors: 1 to 5 of them, of any length, dependent, with one missing."""
    bodies = {f"{k} unit vectors": _vectors(k, 6, seed=k) for k in range(1, 6)}
    bodies["3 of length 2"] = 2 * _vectors(3, 6, seed=10)
    bodies["more than dimensions"] = _vectors(4, 3, seed=11)
    bodies["two alike"] = _vectors(3, 6, seed=12)[[0, 1, 0]]
    bodies["one missing"] = _vectors(3, 6, seed=13).index_fill(0, torch.tensor([1]), torch.nan)
    bodies["nearly on a line"] = _vectors(1, 6, seed=14) + 1e-5 * _vectors(3, 6, seed=15)
    found: Values = {name: _body(vectors) for name, vectors in bodies.items()}
    found["3 unit vectors in float32"] = _body(bodies["3 unit vectors"].float())
    found["expected at random"] = [[k, d, random_volume(k, d)] for k, d in ((1, 5), (2, 2), (3, 128), (4, 128), (5, 4))]
    found["pairs"] = _pairs()
    return found


def _body(vectors: torch.Tensor) -> Values:
    place, distortion = embed_in_3d(vectors)
    return {
        "products": gram_matrix(vectors).tolist(),
        "volume": float(volume(vectors)),
        "log_volume": float(log_volume(vectors)),
        "heights": heights(vectors).tolist(),
        "in_3d": place.tolist(),
        "distortion": distortion,
        "gradient_of_volume": _gradients(lambda rows: volume(rows), vectors)[0].tolist(),
        "gradient_of_log_volume": _gradients(lambda rows: log_volume(rows), vectors)[0].tolist(),
        "gradient_of_heights": _gradients(lambda rows: heights(rows).nansum(), vectors)[0].tolist(),
    }


def _gradients(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> list[torch.Tensor]:
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    function(*leaves).sum().backward()
    return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def _pairs() -> Values:
    """Return every measure of 3 anchors with 4 candidates, one of which lacks a vector, and the gradients of volume."""
    anchors, *candidates = _vectors(3, 8, seed=20), *_vectors(3, 4, 8, seed=21)
    candidates[1][2] = torch.nan
    base, height = base_and_height(anchors, *candidates)
    gradients = _gradients(pairwise_volume, anchors, *candidates)
    return {
        "volumes": pairwise_volume(anchors, *candidates).tolist(),
        "bases": base.tolist(),
        "heights": height.tolist(),
        "gradients": [gradient.tolist() for gradient in gradients],
        "measures": {name: measures.score(name, anchors, *candidates).tolist() for name in measures.names(4)},
        "triangle": measures.score("triangle", anchors, *candidates[:2]).tolist(),
    }


def losses(_: Sets) -> Values:
    """Return value and lengths of gradients of every loss on 12 seeded items in 2 to 4 modalities."""
    found: Values = {}
    for name, kind in LOSSES.items():
        for k in (2, 3, 4) if kind.modalities is None else (kind.modalities,):
            rows = _items(k)
            for settings in ({}, {"temperature": 0.2, "label_smoothing": 0.0}):
                loss = kind(**settings)
                told = ", ".join(f"{key} {value}" for key, value in settings.items()) or "as it comes"
                gradients = _gradients(loss, *rows)
                with torch.no_grad():
                    value = float(kind(**settings)(*rows))
                found[f"{name}, {k} modalities, {told}"] = {
                    "value": value,
                    "gradients": [float(gradient.norm()) for gradient in gradients],
                    "gradients_of_temperatures": [
                        None if each.grad is None else float(each.grad) for each in loss.parameters()
                    ],
                }
    return found | {"matching": _matching()}


def _items(k: int) -> list[torch.Tensor]:
    """Return 12 unit vectors a modality, those of an item alike."""
    meaning = _vectors(12, 16, seed=30)
    rows = [meaning + 0.8 * _vectors(12, 16, seed=31 + place) for place in range(k)]
    return [torch.nn.functional.normalize(each, dim=1) for each in rows]


def _matching() -> Values:
    rows = _items(3)
    head = AnchorMatching(d=16, modalities=3, hidden=8).double()
    drawn = np.random.default_rng(40)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.from_numpy(drawn.standard_normal(tuple(parameter.shape)) / 4))
    return {
        "scores": head.score(*(each[:3] for each in rows)).tolist(),
        "gradients": [float(gradient.norm()) for gradient in _gradients(head, *rows)],
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
    "measures": table_of_measures,
    "pictures-stored": stored_pictures,
    "pictures-pca": principal_axes,
    "pictures-umap": neighbourhoods,
    "geometry": geometry,
    "losses": losses,
    "distributions-gram": lambda sets: matched_and_mismatched(sets["gram"]),
    "distributions-cosine": lambda sets: matched_and_mismatched(sets["cosine"]),
}
