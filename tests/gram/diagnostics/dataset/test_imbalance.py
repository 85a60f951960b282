from itertools import combinations

import numpy as np
import pytest

from gram.diagnostics import find_imbalance
from tests.helpers import oracle
from tests.helpers.made import aligned, as_set, unit


def recall_by_hand(measure, *arrays):
    scores = oracle.scores(measure, *(rows.astype(np.float32) for rows in arrays))
    return np.mean(scores.argmax(axis=1) == np.arange(len(scores)))


def test_every_subset_is_measured():
    arrays = aligned(n=40, k=4, d=8, noise=0.9)
    balance = find_imbalance(as_set(arrays))
    names = ["image", "speech", "tones"]
    subsets = [subset for size in (1, 2, 3) for subset in combinations(names, size)]
    assert [subset.candidates for subset in balance.subsets] == subsets
    for subset in balance.subsets:
        by_hand = recall_by_hand("volume", arrays["text"], *(arrays[name] for name in subset.candidates))
        assert subset.recall == pytest.approx(by_hand)
        assert subset.interval[0] <= subset.recall <= subset.interval[1]
    for share in balance.shares:
        rest = balance.of(*(name for name in names if name != share.name))
        assert share.share == pytest.approx(balance.all.recall - rest.recall)
        assert share.interval[0] <= share.share <= share.interval[1]
    assert balance.of("text") is None


def test_with_six_candidates_or_on_request_only_the_ends_are_measured():
    rng = np.random.default_rng(0)
    meaning = unit(rng.normal(size=(30, 16)))
    arrays = {f"view {number}": unit(meaning + 0.2 * rng.normal(size=(30, 16))) for number in range(7)}
    assert [len(subset.candidates) for subset in find_imbalance(as_set(arrays)).subsets] == [1] * 6 + [5] * 6 + [6]
    short = find_imbalance(as_set(aligned(k=4, n=20)), every=False)
    assert [len(subset.candidates) for subset in short.subsets] == [1, 1, 1, 2, 2, 2, 3]


def test_a_modality_of_noise_is_named_and_a_flipped_one_is_not():
    arrays = aligned(n=150, k=4)
    arrays["speech"] = np.random.default_rng(3).permutation(arrays["speech"])
    arrays["tones"] = -arrays["tones"]
    assert find_imbalance(as_set(arrays)).noise == ("speech",)
    assert find_imbalance(as_set(aligned(n=150, k=4))).noise == ()


def test_a_query_of_noise_is_named():
    arrays = aligned(n=150, k=3)
    arrays["text"] = np.random.default_rng(3).permutation(arrays["text"])
    assert find_imbalance(as_set(arrays)).noise == ("text",)
    arrays = aligned(n=150, k=2)
    arrays["text"] = np.random.default_rng(3).permutation(arrays["text"])
    assert find_imbalance(as_set(arrays)).noise == ("text", "image")


def test_a_modality_that_helps_only_with_others_is_not_noise():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], size=(3, 200, 32))
    arrays = {"text": signs[0] * signs[1] * signs[2], "image": signs[0], "speech": signs[1]}
    arrays["text"] = signs[0] * signs[1]  # the multilinear product of the three is d for an item, 0 or so for others
    balance = find_imbalance(as_set(arrays), measure="symile")
    assert balance.of("image", "speech").recall == 1
    assert balance.noise == ()


def test_a_measure_for_three_gives_what_it_is_defined_for():
    balance = find_imbalance(as_set(aligned(n=30)), measure="triangle")
    assert [subset.candidates for subset in balance.subsets] == [("image", "speech")]
    assert balance.shares == ()


def test_missing_candidates_are_compared_over_the_items_that_both_rank():
    arrays = aligned(n=40, d=8, noise=0.9)
    arrays["image"][:10] = np.nan
    balance = find_imbalance(as_set(arrays))
    assert balance.of("image").items == 30
    share = next(share for share in balance.shares if share.name == "speech")
    right = balance.all.report.per_item("R@1").numpy()[10:]
    assert share.share == pytest.approx(right.mean() - balance.of("image").recall)


def test_progress_is_told():
    told = []
    find_imbalance(as_set(aligned(n=20)), progress=lambda share, stage: told.append((share, stage)))
    assert told == [(0.0, "R@1 of image"), (1 / 3, "R@1 of speech"), (2 / 3, "R@1 of image + speech")]
