import numpy as np
import pytest

from gram import EmbeddingSetError, evaluate
from gram.diagnostics import centred, find_modality_gap
from tests.helpers.made import aligned, as_set, unit


def with_gap(length, n=200, d=32):
    arrays = aligned(n=n, k=3, d=d)
    axes = np.eye(d)
    return {name: unit(rows + length * axes[place]) for place, (name, rows) in enumerate(arrays.items())}


def test_distances_are_those_of_the_centroids_of_unit_rows():
    arrays = with_gap(1.0)
    gap = find_modality_gap(as_set({name: 2 * rows for name, rows in arrays.items()}))
    for (first, second), distance in gap.distances.items():
        by_hand = np.linalg.norm(arrays[first].mean(axis=0) - arrays[second].mean(axis=0))
        assert distance == pytest.approx(by_hand, abs=1e-6)
    assert list(gap.distances) == [("text", "image"), ("text", "speech"), ("image", "speech")]


def test_a_probe_tells_modalities_apart_only_where_there_is_a_gap():
    apart, mixed = find_modality_gap(as_set(with_gap(1.0))), find_modality_gap(as_set(with_gap(0.0)))
    assert apart.probe > 0.99
    assert apart.chance == pytest.approx(1 / 3)
    assert mixed.probe < 0.45


def test_the_change_is_that_of_retrieval_with_the_centred_set():
    made = as_set(with_gap(3.0))
    gap = find_modality_gap(made, measure="cosine-max")
    by_hand = evaluate(centred(made), measure="cosine-max").recall[1] - evaluate(made, measure="cosine-max").recall[1]
    assert gap.change == pytest.approx(by_hand)
    low, high = gap.change_interval
    assert low <= gap.change <= high


def test_centred_rows_are_unit_and_the_gap_is_closed():
    arrays = with_gap(1.0)
    made = centred(as_set(arrays))
    for name, rows in made.modalities.items():
        by_hand = unit(arrays[name] - arrays[name].mean(axis=0))
        np.testing.assert_allclose(rows, by_hand, atol=1e-5)
    assert made.info["centred"] is True
    assert max(find_modality_gap(made).distances.values()) < 0.1


def test_missing_rows_stay_missing_and_do_not_move_the_mean():
    arrays = with_gap(1.0, n=20)
    arrays["image"][3] = np.nan
    made = centred(as_set(arrays))
    assert made.missing() == {"text": 0, "image": 1, "speech": 0}
    there = np.delete(arrays["image"], 3, axis=0)
    np.testing.assert_allclose(made.modalities["image"][0], unit(arrays["image"][0] - there.mean(axis=0)), atol=1e-5)


def test_a_row_at_the_mean_has_no_direction_left():
    arrays = aligned(n=20, k=2, d=4)
    corners = np.vstack([np.eye(4), -np.eye(4)])  # their mean is 0; one more row of length 1 cannot be at the mean
    arrays["image"] = np.vstack([np.tile(corners, (2, 1)), np.eye(4)])
    point = np.tile(unit(np.ones(4)), (20, 1))
    point[0] = unit(np.array([1.0, 1.0, 1.0, 1.1]))
    arrays["text"] = point
    made = centred(as_set(arrays))
    assert made.missing() == {"text": 0, "image": 0}
    point[0] = unit(np.array([1, 1, 1, 1 + 1e-5]))  # the others are then nearer to the mean than float32 can tell
    assert centred(as_set(arrays)).missing() == {"text": 19, "image": 0}


def test_a_modality_on_one_point_cannot_be_centred():
    arrays = aligned(n=20)
    arrays["image"] = np.tile(arrays["image"][:1], (20, 1))
    with pytest.raises(EmbeddingSetError, match="modality 'image' has all its vectors on one point"):
        centred(as_set(arrays))
    gap = find_modality_gap(as_set(arrays))
    assert gap.after is None
    assert np.isnan(gap.change)


def test_too_few_items_for_folds_give_no_probe():
    assert np.isnan(find_modality_gap(as_set(aligned(n=4))).probe)
