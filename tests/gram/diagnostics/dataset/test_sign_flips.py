import numpy as np
import pytest
import torch

from gram import evaluate
from gram.diagnostics import find_sign_flips, reorient
from tests.helpers.made import aligned, as_set, unit


def cosines_by_hand(x, y):
    table = np.array([[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in y] for a in x])
    n = len(x)
    return table.diagonal(), table[~np.eye(n, dtype=bool)]


def test_matched_and_mismatched_cosines_are_those_of_the_table_of_all_pairs():
    arrays = aligned(n=30, k=2, d=8, noise=1.0)
    arrays["text"] = 3 * arrays["text"]  # lengths do not count
    (pair,) = find_sign_flips(as_set(arrays)).pairs
    matched, mismatched = cosines_by_hand(arrays["text"], arrays["image"])
    assert (pair.first, pair.second, pair.items) == ("text", "image", 30)
    assert pair.matched == pytest.approx(matched.mean(), abs=1e-6)
    assert pair.mismatched == pytest.approx(mismatched.mean(), abs=1e-6)
    reach = 1.959964 * matched.std(ddof=1) / np.sqrt(30)
    assert pair.matched_interval == pytest.approx((matched.mean() - reach, matched.mean() + reach), abs=1e-6)


def test_the_spread_is_that_of_centred_mismatched_cosines():
    arrays = aligned(n=400, k=2, d=16, noise=2.0)
    (pair,) = find_sign_flips(as_set(arrays)).pairs
    x, y = (rows - rows.mean(axis=0) for rows in arrays.values())
    assert pair.spread == pytest.approx(np.sqrt(np.mean((x @ y.T) ** 2)), rel=1e-4)


@pytest.mark.parametrize("flipped", [("image",), ("speech", "tones"), ("image", "speech", "tones")])
def test_flipped_modalities_are_named_and_turned_back(flipped):
    arrays = aligned(k=4)
    turned = {name: -rows if name in flipped else rows for name, rows in arrays.items()}
    assert find_sign_flips(as_set(turned)).flipped == flipped
    back = reorient(as_set(turned))
    for name, rows in arrays.items():
        assert torch.equal(back.modalities[name], torch.from_numpy(rows.astype(np.float32)))
    assert back.info["reoriented"] == list(flipped)
    assert evaluate(as_set(turned), measure="cosine-max").mrr <= evaluate(back, measure="cosine").mrr == 1
    if len(flipped) > 1:
        assert evaluate(as_set(turned), measure="cosine").recall[1] < 0.5
    assert evaluate(as_set(turned)).recall == pytest.approx(evaluate(back).recall)


def test_a_flipped_anchor_turns_the_others_for_the_anchor_is_kept():
    arrays = aligned(k=3)
    arrays["text"] = -arrays["text"]
    assert find_sign_flips(as_set(arrays)).flipped == ("image", "speech")
    assert find_sign_flips(as_set(arrays, anchor="image")).flipped == ("text",)


def test_a_set_in_order_is_left_as_it_is():
    arrays = aligned()
    found = find_sign_flips(as_set(arrays))
    assert (found.flipped, found.negative) == ((), ())
    assert all(
        torch.equal(rows, as_set(arrays).modalities[name]) for name, rows in reorient(as_set(arrays)).modalities.items()
    )


def test_centroids_that_lie_apart_are_no_flip():
    arrays = aligned(n=300, k=2, d=32)
    away = unit(np.ones(32))
    apart = {"text": unit(arrays["text"] + 2 * away), "image": unit(arrays["image"] - 2 * away)}
    (pair,) = find_sign_flips(as_set(apart)).pairs
    assert pair.matched < 0 < pair.excess
    assert find_sign_flips(as_set(apart)).flipped == ()


def test_modalities_that_have_nothing_in_common_have_no_sign():
    rng = np.random.default_rng(1)
    arrays = {name: unit(rng.normal(size=(500, 16))) for name in ("text", "image", "speech")}
    found = find_sign_flips(as_set(arrays))
    assert [pair.sign for pair in found.pairs] == [0, 0, 0]
    assert found.flipped == ()


def test_missing_rows_are_left_out():
    arrays = aligned(n=40, k=2)
    whole = find_sign_flips(as_set({name: rows[5:] for name, rows in arrays.items()})).pairs[0]
    arrays["image"][:5] = np.nan
    assert find_sign_flips(as_set(arrays)).pairs[0] == whole
    arrays["text"][6:] = np.nan
    (pair,) = find_sign_flips(as_set(arrays)).pairs
    assert (pair.items, pair.excess, pair.sign) == (1, 0.0, 0)


def test_many_modalities_are_turned_one_at_a_time():
    rng = np.random.default_rng(0)
    meaning = unit(rng.normal(size=(80, 24)))
    arrays = {f"view {number:02d}": unit(meaning + 0.2 * unit(rng.normal(size=(80, 24)))) for number in range(15)}
    flipped = ("view 03", "view 04", "view 11")
    for name in flipped:
        arrays[name] = -arrays[name]
    assert find_sign_flips(as_set(arrays)).flipped == flipped


def test_many_modalities_are_turned_to_agree_with_each_other_where_the_anchor_says_nothing():
    rng = np.random.default_rng(0)
    meaning = unit(rng.normal(size=(200, 24)))
    arrays = {f"view {number:02d}": unit(meaning + 0.2 * unit(rng.normal(size=(200, 24)))) for number in range(14)}
    arrays["view 00"] = unit(rng.normal(size=(200, 24)))
    flipped = ("view 03", "view 04", "view 11")
    for name in flipped:
        arrays[name] = -arrays[name]
    assert find_sign_flips(as_set(arrays)).flipped == flipped
