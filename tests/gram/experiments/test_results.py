"""The tables of the quick experiments, recomputed by brute force from the embeddings that the runs kept."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, silhouette_score

from gram.experiments import BUDGETS, EXPERIMENTS, RunConfig, load
from gram.measures import names

COMMON = ["metric", "value", "low", "high", "interval", "seed", "seeds"]
KEYS = {
    "losses-and-measures": ["loss", "measure", "direction"],
    "modalities": ["loss", "trained", "tested", "measure", "against"],
    "volume-as-metric": ["loss", "step", "scope", "target", "predictor"],
    "sensitivity": ["loss", "varied", "setting", "place"],
    "unequal": ["loss", "degradation", "measure"],
    "coarse-and-fine": ["loss", "trained", "asked", "measure"],
    "rivals": ["loss", "modalities", "measure"],
    "space": ["loss", "modality"],
}
QUICK = BUDGETS["quick"]
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the experiments carries them out
SEEDS = (0, 1)


def volumes(anchor, *others):
    """Return the volume of every anchor with every candidate, by the R of a QR of each stack."""
    found = np.empty((len(anchor), len(others[0])))
    for row, tip in enumerate(anchor):
        for column in range(len(others[0])):
            stack = [tip, *(other[column] for other in others if not np.isnan(other[column]).any())]
            found[row, column] = np.abs(np.prod(np.diag(np.linalg.qr(np.array(stack).T)[1])))
    return found


def hits(scores):
    """Return whether the diagonal is the best of its row, shared among ties."""
    best = np.isclose(scores, scores.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return np.diag(best) / best.sum(axis=1)


def scores_of(measure, vectors, candidates):
    text, others = vectors["text"], [vectors[name] for name in candidates]
    if measure == "volume":
        return -volumes(text, *others)
    return np.nanmean([text @ other.T for other in others], axis=0)


def one(frame, **wanted):
    """Return the value of the one row that has these values."""
    chosen = np.logical_and.reduce([frame[name] == value for name, value in wanted.items()])
    assert chosen.sum() == 1, wanted
    return frame[chosen].iloc[0]


@pytest.mark.parametrize("name", KEYS)
def test_a_table_has_its_columns_and_says_what_made_it(quick, name):
    frame, facts = quick.frame(name), quick.metadata(name)
    assert list(frame.columns) == [*KEYS[name], *COMMON]
    assert facts["gram.experiment"] == name
    assert facts["gram.scale"] == "quick"
    assert facts["gram.device"] == "cpu"
    assert facts["gram.torch"].startswith("2.")
    assert len(facts["gram.commit"]) >= 7
    assert float(facts["gram.seconds"]) > 0
    assert float(facts["gram.training_seconds"]) > 0
    assert facts["gram.started"].endswith("+00:00")
    assert "gram" in facts["gram.command"]
    there = frame.dropna(subset=["low"])
    single = there[there["interval"] == "items"]
    assert (single["low"] <= single["value"] + 1e-9).all()
    assert (single["value"] <= single["high"] + 1e-9).all()
    shares = frame[frame["metric"].isin(["R@1", "hit", "chance", "AUC", "probe accuracy", "volume AUC"])]["value"]
    assert shares.between(0, 1).all()
    again, told = load(name, quick.out)
    assert len(again) == len(frame)
    assert told["experiment"] == name


def test_the_experiments_are_in_order():
    assert list(EXPERIMENTS) == list(KEYS)


@pytest.mark.parametrize("loss", ["gram", "cosine"])
def test_recall_by_brute_force_in_both_directions(quick, loss):
    frame = quick.frame("losses-and-measures")
    assert set(frame["measure"]) == set(names(4))
    for seed in SEEDS:
        vectors = quick.vectors(RunConfig(loss, seed))
        for measure in ("volume", "cosine"):
            scores = scores_of(measure, vectors, ("image", "speech", "tones"))
            for direction, found in (("query-to-candidates", scores), ("candidates-to-query", scores.T)):
                row = one(frame, loss=loss, measure=measure, direction=direction, metric="R@1", seed=seed)
                assert row["value"] == pytest.approx(hits(found).mean(), abs=1e-9)
    both = one(frame, loss=loss, measure="volume", direction="query-to-candidates", metric="R@1", seed=-1)
    per_seed = [
        one(frame, loss=loss, measure="volume", direction="query-to-candidates", metric="R@1", seed=seed)["value"]
        for seed in SEEDS
    ]
    assert both["value"] == pytest.approx(np.mean(per_seed))
    assert (both["seeds"], both["interval"]) == (2, "items of all seeds")


def test_a_difference_is_paired_by_item(quick):
    frame = quick.frame("losses-and-measures")
    vectors = quick.vectors(RunConfig("cosine", 1))
    by = {measure: hits(scores_of(measure, vectors, ("image", "speech", "tones"))) for measure in ("volume", "cosine")}
    change = by["volume"] - by["cosine"]
    asked = {"loss": "cosine", "direction": "query-to-candidates", "metric": "R@1 difference", "seed": 1}
    row = one(frame, measure="volume", **asked)
    assert row["value"] == pytest.approx(change.mean(), abs=1e-9)
    rng = np.random.default_rng(1)
    means = [change[rng.integers(len(change), size=len(change))].mean() for _ in range(4000)]
    assert row["low"] == pytest.approx(np.quantile(means, 0.025), abs=0.013)
    assert row["high"] == pytest.approx(np.quantile(means, 0.975), abs=0.013)
    own = one(frame, measure="cosine", **asked)
    assert (own["value"], own["low"], own["high"]) == (0, 0, 0)


def test_every_subset_of_candidates_and_what_one_more_adds(quick):
    frame = quick.frame("modalities")
    kinds = ("text", "image", "speech")
    pair, triple = quick.vectors(RunConfig("gram", 0, kinds[:2])), quick.vectors(RunConfig("gram", 0, kinds))
    two = hits(scores_of("volume", pair, ("image",)))
    three = hits(scores_of("volume", triple, ("image", "speech")))
    row = one(frame, loss="gram", metric="R@1 gain", tested="image+speech", seed=0)
    assert row["value"] == pytest.approx(three.mean() - two.mean(), abs=1e-9)
    assert row["against"] == "image"
    full = quick.vectors(RunConfig("gram", 0))
    for tested in ("speech", "image+tones", "image+speech+tones"):
        found = one(
            frame, loss="gram", metric="R@1", trained="image+speech+tones", tested=tested, measure="volume", seed=0
        )
        assert found["value"] == pytest.approx(hits(scores_of("volume", full, tested.split("+"))).mean(), abs=1e-9)
    trained = frame[(frame["trained"] == "image+speech+tones") & (frame["metric"] == "R@1")]
    assert trained["tested"].nunique() == 7
    alone = one(frame, loss="gram", metric="R@1 gain in the test alone", tested="image+speech", seed=0)
    change = hits(scores_of("volume", full, ("image", "speech"))) - hits(scores_of("volume", full, ("image",)))
    assert alone["value"] == pytest.approx(change.mean(), abs=1e-9)


def test_what_predicts_recall_is_what_numpy_and_scipy_say(quick):
    frame = quick.frame("volume-as-metric")
    run = RunConfig("cosine", 0)
    (step,) = [at for at in run.checkpoint_steps(QUICK) if 0 < at < QUICK.steps]
    vectors = quick.vectors(run, step)
    scores = scores_of("volume", vectors, ("image", "speech", "tones"))
    point = {"loss": "cosine", "step": step, "seed": 0}
    assert one(frame, metric="mean volume", **point)["value"] == pytest.approx(-np.diag(scores).mean(), abs=1e-6)
    auc = roc_auc_score(np.eye(len(scores)).ravel(), scores.ravel())
    assert one(frame, metric="volume AUC", **point)["value"] == pytest.approx(auc, abs=1e-6)
    cosines = np.mean([(vectors["text"] * vectors[name]).sum(axis=1) for name in ("image", "speech", "tones")])
    assert one(frame, metric="mean cosine", **point)["value"] == pytest.approx(cosines, abs=1e-6)
    centres = [rows.mean(axis=0) for rows in vectors.values()]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(centres) for b in centres[i + 1 :]]
    assert one(frame, metric="modality gap", **point)["value"] == pytest.approx(np.mean(gaps), abs=1e-6)
    points = frame[(frame["seed"] >= 0) & (frame["step"] > 0)]
    wide = points.pivot_table(index=["loss", "seed", "step"], columns="metric", values="value")
    asked = {"scope": "pooled", "target": "R@1", "predictor": "mean cosine"}
    rho = stats.spearmanr(wide["mean cosine"], wide["R@1"]).statistic
    assert one(frame, metric="spearman", **asked)["value"] == pytest.approx(rho)
    r = stats.pearsonr(wide["mean cosine"], wide["R@1"]).statistic
    assert one(frame, metric="pearson", **asked)["value"] == pytest.approx(r)


def test_a_setting_away_from_the_scale_s_own_is_one_point_and_the_own_is_a_point_of_each(quick):
    frame = quick.frame("sensitivity")
    pooled = frame[(frame["seed"] == -1) & (frame["metric"] == "R@1") & (frame["loss"] == "gram")]
    assert sorted(zip(pooled["varied"], pooled["setting"])) == [
        ("batch", "12"), ("batch", "24"), ("d", "16"), ("d", "4"), ("temperature", "0.5"), ("temperature", "learned"),
    ]  # fmt: skip
    assert set(pooled["seeds"]) == {2}
    fixed = one(frame, loss="gram", setting="0.5", metric="temperature", seed=0)
    assert fixed["value"] == pytest.approx(0.5)
    assert quick.vectors(RunConfig("gram", 0, d=4))["text"].shape[1] == 4
    wide = hits(scores_of("cosine", quick.vectors(RunConfig("cosine", 1, d=4)), ("image", "speech", "tones"))).mean()
    assert one(frame, loss="cosine", setting="4", metric="R@1", seed=1)["value"] == pytest.approx(wide, abs=1e-9)


def test_items_that_lack_a_modality_are_ranked_by_the_vectors_they_have(quick):
    frame = quick.frame("unequal")
    lacking = {}
    for share in (30, 60, 90):
        vectors = quick.vectors(RunConfig("gram", 0, degradation=f"missing-{share}"))
        lacking[share] = np.isnan(vectors["image"]).all(axis=1)
        assert lacking[share].mean() == pytest.approx(share / 100, abs=0.17)
        assert not any(np.isnan(vectors[name]).any() for name in ("text", "speech", "tones"))
    assert (lacking[30] <= lacking[60]).all()
    assert (lacking[60] <= lacking[90]).all()
    vectors = quick.vectors(RunConfig("gram", 0, degradation="missing-60"))
    for measure in ("volume", "cosine"):
        found = hits(scores_of(measure, vectors, ("image", "speech", "tones"))).mean()
        row = one(frame, loss="gram", degradation="missing-60", measure=measure, metric="R@1", seed=0)
        assert row["value"] == pytest.approx(found, abs=1e-9)
        rest = hits(scores_of(measure, vectors, ("speech", "tones"))).mean()
        row = one(frame, loss="gram", degradation="missing-60", measure=measure, metric="R@1 without it", seed=0)
        assert row["value"] == pytest.approx(rest, abs=1e-9)
    whole = one(frame, loss="gram", degradation="none", measure="volume", metric="R@1", seed=-1)["value"]
    part = one(frame, loss="gram", degradation="noisy", measure="volume", metric="R@1", seed=-1)["value"]
    change = one(frame, loss="gram", degradation="noisy", measure="volume", metric="R@1 change", seed=-1)["value"]
    assert change == pytest.approx(part - whole)


def test_a_narrow_modality_spans_few_dimensions(quick):
    narrow, plain = (quick.vectors(RunConfig("gram", 0, degradation=kind))["image"] for kind in ("narrow", "none"))
    assert np.linalg.svd(narrow, compute_uv=False)[9:].max() < 0.02  # 8, and one of the bias; float16 for the rest
    assert np.linalg.svd(plain, compute_uv=False)[9:].max() > 0.02


def test_a_hit_of_a_coarse_text_is_any_item_that_satisfies_it(quick):
    frame, labels = quick.frame("coarse-and-fine"), quick.labels()
    vectors = quick.vectors(RunConfig("cosine", 1, text="mixed"))
    for kind, name in (("whole", "text"), ("first-digit", "text:first-digit"), ("parity", "text:parity")):
        told = [{"whole": label, "first-digit": label[0], "parity": int(label) % 2}[kind] for label in labels]
        scores = np.mean([vectors[name] @ vectors[each].T for each in ("image", "speech", "tones")], axis=0)
        found, aucs, chances = {}, {}, {}
        for row, text in enumerate(told):
            fits = np.array([each == text for each in told])
            best = np.isclose(scores[row], scores[row].max(), rtol=0, atol=1e-9)
            found.setdefault(text, (best & fits).sum() / best.sum())
            aucs.setdefault(text, roc_auc_score(fits, scores[row]))
            chances.setdefault(text, fits.mean())
        asked = {"loss": "cosine", "trained": "mixed", "asked": kind, "measure": "cosine", "seed": 1}
        assert one(frame, metric="hit", **asked)["value"] == pytest.approx(np.mean(list(found.values())))
        assert one(frame, metric="AUC", **asked)["value"] == pytest.approx(np.mean(list(aucs.values())), abs=1e-6)
        assert one(frame, metric="chance", **asked)["value"] == pytest.approx(np.mean(list(chances.values())))
    parity = frame[(frame["metric"] == "chance") & (frame["asked"] == "parity")]
    assert parity["value"].to_numpy() == pytest.approx(0.5)


def test_every_loss_is_scored_by_its_own_measure_and_by_three_others(quick):
    frame = quick.frame("rivals")
    pooled = frame[(frame["seed"] == -1) & (frame["metric"] == "R@1")]
    of_four = pooled[pooled["modalities"] == "text+image+speech+tones"]
    by_loss = {loss: set(rows["measure"]) for loss, rows in of_four.groupby("loss")}
    three = {"volume", "height", "cosine"}
    assert by_loss == {
        "gram": three, "cosine": three, "all-pairs": three, "gram-cosine": three, "log-volume": three,
        "singular": three | {"singular"}, "pmrl": three | {"singular"}, "symile": three | {"symile"},
        "gram+matching": three | {"matching"},
    }  # fmt: skip
    of_three = pooled[pooled["modalities"] == "text+image+speech"]
    assert set(of_three["loss"]) == {"gram", "cosine", "triangle"}
    assert "triangle" in set(of_three[of_three["loss"] == "triangle"]["measure"])
    vectors = quick.vectors(RunConfig("singular", 0))
    stacked = [
        [np.linalg.svd([tip, *(vectors[name][column] for name in ("image", "speech", "tones"))], compute_uv=False)[0]
         for column in range(len(vectors["text"]))]
        for tip in vectors["text"]
    ]  # fmt: skip
    row = one(frame, loss="singular", measure="singular", metric="R@1", seed=0)
    assert row["value"] == pytest.approx(hits(np.array(stacked)).mean(), abs=1e-9)
    difference = one(frame, loss="singular", metric="R@1 difference", seed=0)["value"]
    gram = one(frame, loss="gram", measure="volume", metric="R@1", seed=0, modalities="text+image+speech+tones")
    assert difference == pytest.approx(row["value"] - gram["value"])


def test_the_digits_of_the_space(quick):
    frame, labels = quick.frame("space"), np.array([[int(digit) for digit in label] for label in quick.labels()])
    rows = quick.vectors(RunConfig("gram", 0))["tones"]
    found = np.mean([silhouette_score(rows, labels[:, place], metric="cosine") for place in range(4)])
    row = one(frame, loss="gram", modality="tones", metric="silhouette", seed=0)
    assert row["value"] == pytest.approx(found, abs=1e-5)
    text = one(frame, loss="gram", modality="text", metric="probe accuracy", seed=-1)["value"]
    assert text > 0.25  # even untrained, words say the digits: chance is 0.1
    assert frame[frame["metric"] == "trustworthiness"]["value"].between(0.5, 1).all()


def test_arms_of_a_seed_start_from_the_same_weights_and_then_learn(quick):
    first = [quick.vectors(RunConfig(loss, 0), step=0) for loss in ("gram", "cosine")]
    for name in ("text", "image", "speech", "tones"):
        np.testing.assert_array_equal(first[0][name], first[1][name])
    assert not np.allclose(quick.vectors(RunConfig("gram", 1), step=0)["text"], first[0]["text"])
    for loss in ("gram", "cosine"):
        kept = json.loads((quick.runs / RunConfig(loss, 0).key(QUICK) / "run.json").read_text())
        assert len(kept["losses"]) == QUICK.steps
        assert np.mean(kept["losses"][-3:]) < kept["losses"][0]
        assert kept["settings"]["loss"] == loss
