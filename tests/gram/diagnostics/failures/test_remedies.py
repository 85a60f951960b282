"""Remedies on sets with a fault that one of them cures: formulas, halves, intervals and what is said."""

import sys
import types
from dataclasses import asdict

import numpy as np
import pytest
import scipy.special
import torch

from gram import EmbeddingSet, EmbeddingSetError
from gram.diagnostics import csls, dual_softmax, measure_remedies
from gram.diagnostics.failures import remedies
from tests.helpers import made_sets

NAMES = ["untouched", "height", "reorient", "centre", "csls", "dual-softmax", "leave-out"]


def turn_by_mean_cosine(embedding_set):
    """Stand in for `reorient`: turn what has a negative mean cosine with the anchor."""
    anchor = embedding_set.modalities[embedding_set.anchor]
    return EmbeddingSet(
        {
            name: -rows if float(torch.nansum(rows * anchor)) < 0 else rows
            for name, rows in embedding_set.modalities.items()
        },
        embedding_set.items,
        embedding_set.info,
    )


@pytest.fixture(autouse=True)
def signs(monkeypatch):
    """Give the remedies a way to reorient that these tests know."""
    module = types.ModuleType("gram.diagnostics.dataset.sign_flips")
    module.reorient = turn_by_mean_cosine
    monkeypatch.setitem(sys.modules, "gram.diagnostics.dataset.sign_flips", module)


def measured(arrays, measure="volume", **options):
    return {each.name: each for each in measure_remedies(made_sets.as_set(arrays), measure=measure, **options)}


def halves(n, seed=0):
    """Return the rows of the half that chooses and of the half that judges, as documented: a seeded deal."""
    chooser, judge = np.array_split(np.random.default_rng(seed).permutation(n), 2)
    return np.sort(chooser), np.sort(judge)


def first(scores):
    """Return which true items, on the diagonal, beat all others."""
    return (scores > np.diag(scores)[:, None] + 1e-11).sum(axis=1) == 0


def part(arrays, rows):
    return {name: array[rows] for name, array in arrays.items()}


# --- formulas ---


@pytest.mark.parametrize("neighbours", [1, 3, 99])
def test_csls_is_its_formula(neighbours):
    scores = -np.random.default_rng(0).random((7, 9))
    expected = np.empty_like(scores)
    for i in range(7):
        for j in range(9):
            of_query = np.sort(scores[i])[::-1][:neighbours].mean()
            of_candidate = np.sort(scores[:, j])[::-1][:neighbours].mean()
            expected[i, j] = 2 * scores[i, j] - of_query - of_candidate
    assert csls(torch.from_numpy(scores), neighbours).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_dual_softmax_is_its_formula(temperature):
    scores = -np.random.default_rng(0).random((7, 9))
    both = np.log(scipy.special.softmax(scores / temperature, axis=1)) + np.log(
        scipy.special.softmax(scores / temperature, axis=0)
    )
    assert dual_softmax(torch.from_numpy(scores), temperature).numpy() == pytest.approx(both)


def test_a_candidate_without_a_score_stays_last():
    scores = torch.rand(5, 5, dtype=torch.float64)
    scores[:, 2] = -torch.inf
    for changed in (csls(scores, 2), dual_softmax(scores, 0.1)):
        assert (changed[:, 2] == -torch.inf).all()
        assert changed[:, [0, 1, 3, 4]].isfinite().all()


# --- the halves ---


@pytest.mark.parametrize("measure", ["volume", "cosine"])
def test_recalls_are_those_of_the_half_that_judges(measure):
    arrays = made_sets.sound(noise=0.8, n=61)
    found = measured(arrays, measure, seed=5)
    chooser, judge = halves(61, seed=5)
    theirs = part(arrays, judge)
    untouched = first(made_sets.matrix(measure, theirs))
    assert found["untouched"].recall == found["untouched"].untouched == pytest.approx(untouched.mean())
    assert found["untouched"].items == len(judge) == 30
    assert list(found) == NAMES

    centres = {name: array[chooser].astype(float).mean(axis=0) for name, array in arrays.items()}
    moved = {name: made_sets.unit(theirs[name] - centres[name]) for name in theirs}
    expected = {
        "height": first(made_sets.matrix("height", theirs)),
        "centre": first(made_sets.matrix(measure, moved)),
    }
    choice = {
        name: first(made_sets.matrix(measure, part(arrays, chooser), names=[other])).mean()
        for name, other in (("image", "speech"), ("speech", "image"))
    }
    gone = max(choice, key=choice.get)
    kept = "speech" if gone == "image" else "image"
    expected["leave-out"] = first(made_sets.matrix(measure, theirs, names=[kept]))
    assert found["leave-out"].parameter == f"without {gone}"
    for name, hits in expected.items():
        remedy = found[name]
        assert remedy.recall == pytest.approx(hits.mean())
        assert remedy.difference == pytest.approx(hits.mean() - untouched.mean())
        assert (remedy.gained, remedy.lost) == ((hits & ~untouched).sum(), (untouched & ~hits).sum())


def test_parameters_are_the_best_of_the_half_that_chooses():
    arrays = made_sets.sound(noise=0.7, n=120)
    found = measured(arrays)
    chooser, judge = (torch.from_numpy(made_sets.matrix("volume", part(arrays, rows))) for rows in halves(120))
    recalls = {k: first(csls(chooser, k).numpy()).mean() for k in remedies.NEIGHBOURS}
    best = max(recalls, key=recalls.get)
    assert found["csls"].parameter == ("1 neighbour" if best == 1 else f"{best} neighbours")
    assert found["csls"].recall == pytest.approx(first(csls(judge, best).numpy()).mean())
    spread = float(chooser.numpy().std(ddof=1))
    recalls = {t: first(dual_softmax(chooser, t * spread).numpy()).mean() for t in remedies.TEMPERATURES}
    best = max(recalls, key=recalls.get)
    assert found["dual-softmax"].parameter == f"temperature {best * spread:.3g}"
    assert found["dual-softmax"].recall == pytest.approx(first(dual_softmax(judge, best * spread).numpy()).mean())


def test_ties_count_as_breaking_them_at_random():
    arrays = made_sets.sound(noise=0.1, n=40)
    doubled = {name: np.concatenate([rows, rows]) for name, rows in arrays.items()}
    _, judge = halves(80)
    pairs = sum(row + 40 in set(judge) for row in judge if row < 40)
    assert measured(doubled)["untouched"].recall == pytest.approx((len(judge) - pairs) / len(judge))
    assert pairs > 3


def test_the_interval_is_that_of_a_paired_bootstrap():
    remedy = measured(made_sets.sound(noise=0.8, n=200))["height"]
    change = np.array([1.0] * remedy.gained + [-1.0] * remedy.lost + [0.0] * (100 - remedy.gained - remedy.lost))
    assert remedy.gained > 3
    theirs = np.random.default_rng(1).choice(change, size=(20000, 100)).mean(axis=1)
    assert remedy.interval == pytest.approx(np.quantile(theirs, [0.025, 0.975]), abs=0.021)
    assert remedy.interval[0] <= remedy.difference <= remedy.interval[1]


def test_a_large_set_is_sampled():
    arrays = made_sets.sound(noise=0.8, n=90)
    rows = np.random.default_rng(0).permutation(90)[:40]
    judge = np.sort(np.array_split(rows, 2)[1])
    found = measured(arrays, sample=40)["untouched"]
    assert found.items == 20
    assert found.recall == pytest.approx(first(made_sets.matrix("volume", part(arrays, judge))).mean())


# --- faults that one of them cures ---


def test_height_cures_hubs():
    arrays = made_sets.sound(noise=0.7, n=160)
    for row in range(0, 160, 20):
        arrays["speech"][row] = made_sets.unit(arrays["image"][row] + 0.02 * made_sets.direction(row))
    found = measured(arrays)["height"]
    assert found.verdict == "helps"
    assert found.text.startswith("Height instead of volume raises R@1 from ")
    moved = f"{100 * found.untouched:.1f} % to {100 * found.recall:.1f} %"
    assert f"{moved} ({100 * found.difference:+.1f} points" in found.text


def test_csls_and_the_dual_softmax_cure_hubs_of_any_measure():
    arrays = made_sets.sound(noise=0.4, n=160, d=48)
    middle = made_sets.direction(3, 48)
    arrays["text"] = made_sets.unit(arrays["text"] + middle)
    for row in range(0, 160, 20):
        arrays["image"][row] = arrays["speech"][row] = made_sets.unit(middle + 0.2 * made_sets.direction(row, 48))
    found = measured(arrays, "cosine")
    assert found["csls"].verdict == found["dual-softmax"].verdict == "helps"
    assert found["reorient"].verdict == "nothing"


def test_reorienting_cures_a_sign_flip():
    arrays = made_sets.sound(noise=0.4, n=80)
    arrays["speech"] = -arrays["speech"]
    found = measured(arrays, "cosine")["reorient"]
    assert found.parameter == "speech turned round"
    assert found.verdict == "helps"
    assert found.recall > 0.9
    by_volume = measured(arrays, "volume")["reorient"]
    assert (by_volume.verdict, by_volume.interval) == ("nothing", (0.0, 0.0))
    assert by_volume.text == (
        f"Reorient (speech turned round) does nothing: the same queries find their item first, R@1 stays "
        f"{100 * by_volume.untouched:.1f} %."
    )


def test_centring_cures_a_gap():
    arrays = made_sets.sound(noise=0.5, n=120)
    apart = 3 * made_sets.direction(2)
    gapped = {name: made_sets.unit(rows + (apart if name == "text" else -apart)) for name, rows in arrays.items()}
    assert measured(gapped)["centre"].verdict == "helps"


def test_leaving_out_cures_a_modality_of_noise():
    arrays = made_sets.sound(noise=1.0, n=160, names=("text", "image", "speech", "tones"))
    arrays["speech"] = made_sets.unit(np.random.default_rng(7).normal(size=arrays["speech"].shape))
    found = measured(arrays, "cosine-max")["leave-out"]
    assert found.parameter == "without speech"
    assert found.verdict == "helps"


def test_a_remedy_that_harms_says_so():
    found = measured(made_sets.sound(noise=0.7, n=160), "cosine")["leave-out"]
    assert found.verdict == "harms"
    assert found.text.startswith(f"Leave a modality out ({found.parameter}) harms: it lowers R@1 from ")


def test_a_difference_that_chance_may_make_says_so():
    remedy = next(
        each
        for seed in range(20)
        for each in measure_remedies(made_sets.as_set(made_sets.sound(noise=0.7, n=60, seed=seed)))
        if each.verdict == "unclear"
    )
    assert "makes no difference that 30 queries can show: R@1 goes from" in remedy.text
    assert remedy.interval[0] <= 0 <= remedy.interval[1]


# --- the rest ---


def test_only_what_fits_is_tried():
    arrays = made_sets.sound(noise=0.7)
    assert list(measured(arrays, "height")) == [name for name in NAMES if name != "height"]
    assert list(measured(arrays, "triangle")) == [name for name in NAMES if name != "leave-out"]
    assert list(measured(arrays, candidates=["image"])) == [name for name in NAMES if name != "leave-out"]


def test_missing_modalities():
    arrays = made_sets.sound(noise=0.5, n=80)
    rng = np.random.default_rng(2)
    for name in made_sets.NAMES:
        arrays[name][rng.random(80) < 0.2] = np.nan
    kept = np.flatnonzero(
        ~np.isnan(arrays["text"][:, 0]) & ~(np.isnan(arrays["image"][:, 0]) & np.isnan(arrays["speech"][:, 0]))
    )
    for measure in ("volume", "cosine"):
        found = measured(arrays, measure)
        judge = part(arrays, kept[halves(len(kept))[1]])
        assert found["untouched"].recall == pytest.approx(first(made_sets.matrix(measure, judge)).mean())
        left = made_sets.matrix(
            measure, judge, names=["speech" if found["leave-out"].parameter.endswith("image") else "image"]
        )
        expected = first(left) & np.isfinite(np.diag(left))  # an item with no vector left is not found
        assert found["leave-out"].recall == pytest.approx(expected.mean())
        assert all(np.isfinite(each.recall) for each in found.values())


def test_the_same_seed_gives_the_same():
    arrays = made_sets.sound(noise=0.7)
    assert measured(arrays) == measured(arrays)
    assert measured(arrays, seed=1) != measured(arrays)


def test_progress_and_plain_facts():
    told = []
    found = measured(made_sets.sound(), progress=lambda share, stage: told.append((share, stage)))
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1] == (1.0, "done")
    plain = (str, float, int, tuple)
    assert all(type(value) in plain for each in found.values() for value in asdict(each).values())
    assert found["untouched"].text == "Untouched, 100.0 % of 20 held-out queries find their item first."


def test_what_is_refused():
    with pytest.raises(ValueError, match="sample: expected at least 8, got 4"):
        measured(made_sets.sound(), sample=4)
    with pytest.raises(EmbeddingSetError, match="7 items can be ranked"):
        measured(made_sets.sound(n=7))
    with pytest.raises(ValueError, match="query: 'text' is also a candidate"):
        measured(made_sets.sound(), candidates=["text"])
