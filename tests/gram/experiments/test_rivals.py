"""Rivals: every loss by its own measure, the matching head, finding and figure."""

import numpy as np
import pandas as pd
import pytest
import torch

from gram.experiments import EXPERIMENTS, RunConfig
from gram.experiments.outcomes import Outcome
from gram.experiments.rivals import reranked
from gram.losses import AnchorMatching
from tests.helpers.experiment_tables import altered, figure, hits, one, traces

EXPERIMENT = EXPERIMENTS.get("rivals")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_the_matching_head_orders_the_best_by_volume_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gram.experiments.rivals.RERANKED", 3)
    torch.manual_seed(0)
    run = RunConfig("gram", 0, ("text", "image", "speech"), matching=True)
    rows = torch.nn.functional.normalize(torch.randn(3, 12, 16), dim=-1)
    head = AnchorMatching(16, 3)
    items = pd.DataFrame({"id": range(12), "label": ["0000"] * 12})
    kept = {0: dict(zip(run.modalities, rows.half()))}
    found = reranked(Outcome(run, (0,), kept, items, (), {}, 0.07, 0.0, head))
    tips, *others = (vectors.half().double().numpy() for vectors in rows)
    for place, tip in enumerate(tips):
        spans = [np.linalg.qr(np.array([tip, *(other[column] for other in others)]).T)[1] for column in range(12)]
        best = np.argsort([abs(np.prod(np.diag(span))) for span in spans])[:3]
        with torch.no_grad():
            pairs = [(rows[0][[place]], rows[1][[column]], rows[2][[column]]) for column in best]
            logits = [head.score(*pair).item() for pair in pairs]
        assert float(found[place]) == float(best[int(np.argmax(logits))] == place)
    with pytest.raises(ValueError, match="expected a run with the matching head"):
        reranked(Outcome(RunConfig("gram", 0, run.modalities), (0,), kept, items, (), {}, 0.07, 0.0))


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


def test_who_is_ahead_of_gram_and_who_behind(quick) -> None:
    frame = altered(quick.frame("rivals"), -0.2, metric="R@1 difference")
    said = EXPERIMENT.finding(frame)
    assert "no rival has a higher R@1: ahead of GRAM are none" in said
    assert said.endswith("of three modalities, the triangle is behind GRAM.")
    frame = altered(frame, 0.2, metric="R@1 difference", loss="symile")
    frame = altered(frame, 0.3, metric="R@1 difference", loss="triangle")
    said = EXPERIMENT.finding(frame)
    assert "the best rival is symile with" in said
    assert "ahead of GRAM are symile, behind it cosine, all-pairs" in said
    assert said.endswith("the triangle is ahead of GRAM.")


def test_rivals_are_in_order_of_recall_and_those_of_three_modalities_below():
    found = figure("rivals")
    assert list(found.layout.yaxis.ticktext) == ["symile", "gram", "triangle, k = 3"]
    np.testing.assert_allclose(traces(found, "by the loss's own measure")[0].x, [70, 50, 40])
    grey = traces(found, "by mean cosine")[0]
    assert sorted(zip(grey.y, np.round(grey.x))) == [(0, 50), (1, 30), (2, 20)]
