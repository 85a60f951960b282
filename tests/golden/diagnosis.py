"""Golden values of faults, failures, their comparison and their remedies."""

from typing import Any

import numpy as np
import pandas as pd

from gram import EmbeddingSet
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
from tests.golden.sets import COLUMNS, Sets, Values, digest, digest_of_text

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
        "sha256_of_causes": digest_of_text((table["cause"] + "/" + table["at_fault"] + "/" + table["winner"]).tolist()),
        "sha256_of_doubled_ranks": digest((table["rank"] * 2).round()),
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
