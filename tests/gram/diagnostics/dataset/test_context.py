import numpy as np
import pytest
import torch

import gram
from gram.diagnostics.dataset.context import DiagnosisContext, is_gain, join_names, paired_difference, percent
from tests.helpers.made import aligned, as_set, unit


def context(**changes):
    made = as_set(aligned(n=40))
    facts = {"whole": made, "part": made, "query": "text", "candidates": ("image", "speech"), "measure": "cosine"}
    return DiagnosisContext(**facts | {"device": torch.device("cpu"), "seed": 0} | changes)


def test_what_is_computed_once_is_kept():
    calls = []

    def count(asked):
        calls.append(asked)
        return len(calls)

    made, other = context(), context()
    assert [made.once(count), made.once(count), other.once(count)] == [1, 1, 2]
    assert calls == [made, other]


def test_the_retrieval_before_is_that_of_evaluate():
    made = context()
    assert made.before.recall == gram.evaluate(made.part, measure="cosine").recall
    assert made.before is made.before


def test_at_most_twenty_ids_are_listed_of_the_part_or_another_set():
    made = context(part=as_set(aligned(n=40)).subset(np.arange(5, 40)))
    assert made.ids([0, 2]) == ("item 5", "item 7")
    assert made.ids([0], of=made.whole) == ("item 0",)
    assert len(made.ids(range(30))) == 20


def reports():
    arrays, rng = aligned(n=80, noise=1.0, d=16), np.random.default_rng(7)
    worse = arrays | {name: unit(arrays[name] + 4 * unit(rng.normal(size=(80, 16)))) for name in ("image", "speech")}
    return [gram.evaluate(as_set(each), measure="cosine") for each in (arrays, worse)]


def test_a_paired_difference_is_that_of_means_with_the_interval_of_paired_values():
    better, worse = reports()
    differences = (better.per_item("R@1") - worse.per_item("R@1")).numpy()
    mean, half = paired_difference(better, worse)
    assert mean == pytest.approx(differences.mean())
    assert half == pytest.approx(1.959964 * differences.std(ddof=1) / 80**0.5)
    assert is_gain(worse, better)
    assert not is_gain(better, worse)
    assert not is_gain(better, better)


def test_reports_without_a_common_item_have_no_difference():
    made = as_set(aligned(n=10))
    image, speech = made.modalities["image"].clone(), made.modalities["speech"].clone()
    image[:5], speech[5:] = torch.nan, torch.nan
    lacking = gram.EmbeddingSet({**made.modalities, "image": image, "speech": speech}, made.items)
    mean, half = paired_difference(*(gram.evaluate(lacking, candidates=[name]) for name in ("image", "speech")))
    assert np.isnan(mean)
    assert half == 0


def test_numbers_and_names_in_words():
    assert percent(0.1234) == "12.3 %"
    assert join_names(["image"]) == "image"
    assert join_names(["image", "speech", "tones"]) == "image, speech and tones"
