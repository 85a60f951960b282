"""What predicts recall: the numbers behind it, correlations, finding and figure."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from gram.experiments import EXPERIMENTS, RunConfig
from gram.experiments.volume_as_metric import correlations
from tests.helpers.experiment_tables import QUICK, altered, figure, one, scores_of, traces

EXPERIMENT = EXPERIMENTS.get("volume-as-metric")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def made_points(slopes: dict[str, float]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for loss, slope in slopes.items():
        for seed in range(4):
            for step in (0, 5, 10, 20):
                volume = rng.random()
                facts = {"mean volume": volume, "R@1": 0.5 + slope * volume, "R@1 by volume": rng.random(),
                         "volume AUC": rng.random(), "mean cosine": 0.5, "modality gap": rng.random()}  # fmt: skip
                rows += [
                    {"loss": loss, "seed": seed, "step": step, "metric": metric, "value": value}
                    for metric, value in facts.items()
                ]
    return pd.DataFrame(rows)


def test_correlations_are_found_within_and_lost_when_pooled() -> None:
    found = pd.DataFrame(correlations(made_points({"gram": -0.4, "cosine": 0.4})))
    own = found[(found["target"] == "R@1") & (found["predictor"] == "mean volume")].set_index(["scope", "metric"])
    for metric in ("pearson", "spearman"):
        assert own.loc[("within gram", metric), ["value", "low", "high"]].tolist() == pytest.approx([-1, -1, -1])
        assert own.loc[("within cosine", metric), "value"] == pytest.approx(1)
        assert abs(own.loc[("pooled", metric), "value"]) < 0.5
        assert own.loc[("pooled", metric), "high"] > own.loc[("pooled", metric), "low"] + 0.2
    ends = own.loc[("at the end", "pearson"), "value"]
    last = (
        made_points({"gram": -0.4, "cosine": 0.4}).query("step == 20").pivot_table("value", ["loss", "seed"], "metric")
    )
    assert ends == pytest.approx(np.corrcoef(last["mean volume"], last["R@1"])[0, 1])
    constant = found[(found["predictor"] == "mean cosine")]
    assert constant["value"].isna().all()


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


def test_whether_a_smaller_volume_is_a_sign_of_better_recall(quick) -> None:
    frame = altered(quick.frame("volume-as-metric"), 0.2, metric="spearman")
    strong = altered(frame, -0.9, metric="spearman", predictor="mean volume")
    said = EXPERIMENT.finding(strong)
    assert said.count("; the closest)") == 4
    assert "a smaller volume is a sign of a better R@1 in all of these" in said
    split = altered(strong, 0.5, metric="spearman", predictor="mean volume", scope="within gram")
    split = altered(split, -0.005, metric="spearman", predictor="mean volume", scope="at the end")
    said = EXPERIMENT.finding(split)
    assert "within gram +0.50 (+0.49 to +0.51; the closest)" in said
    assert "a smaller volume is no sign of a better R@1 within gram nor at the end;" in said
    other = altered(strong, 0.95, metric="spearman", predictor="volume AUC")
    assert EXPERIMENT.finding(other).count("volume AUC is closer, +0.95)") == 4
    assert "the closest" not in EXPERIMENT.finding(other)
    hubs = altered(strong, 0.25, metric="hub share", loss="cosine", step=frame["step"].max())
    flips = altered(hubs, 2.0, metric="flipped", loss="gram", step=frame["step"].max())
    said = EXPERIMENT.finding(flips)
    assert re.search(r"the gram model [^,]* at an R@1 of [^,]*, 1 % [^,]*, and 2.0 of its modalities lie", said)
    assert re.search(r"the cosine model [^,]*, 1 % of its candidates take 25.0 % of the first places by volume", said)


def test_a_point_a_checkpoint_joined_along_a_run_with_the_correlation_told():
    found = figure("volume-as-metric")
    gram = traces(found, "gram loss (ρ = −0.500)")
    assert len(gram) == 2
    np.testing.assert_allclose(gram[1].x, [0.91, 0.41])
    np.testing.assert_allclose(gram[1].y, [20, 60])
    assert [list(point) for point in gram[1].customdata] == [[1, 0], [1, 10]]
    with pytest.raises(ValueError, match="predictor: expected a metric of the table, got 'luck'"):
        figure("volume-as-metric", predictor="luck")
