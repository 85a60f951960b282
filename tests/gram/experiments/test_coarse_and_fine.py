"""Coarse texts: hits, AUC and chance, finding and figure."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from gram.data.embedding_set import EmbeddingSet
from gram.experiments import EXPERIMENTS, RunConfig
from gram.experiments.coarse_and_fine import satisfied
from tests.helpers.experiment_tables import altered, figure, one, traces

EXPERIMENT = EXPERIMENTS.get("coarse-and-fine")
pytestmark = pytest.mark.timeout(900)  # the first test to ask for the quick experiments carries them out


def test_a_hit_is_any_item_that_fits_and_a_tie_its_share() -> None:
    axes = np.eye(4)
    items = pd.DataFrame({"id": list("abcd"), "label": ["1000", "1111", "2222", "2001"]})
    texts = np.array([axes[1], axes[1], axes[0] + axes[2], axes[0] + axes[2]])
    made = EmbeddingSet({"text": texts, "image": axes}, items)
    first = satisfied(made, ["image"], "cosine", "first-digit")
    assert first["hit"].tolist() == [1.0, 0.5]  # "1" finds 1111; "2" ties between 1000 and 2222
    assert first["chance"].tolist() == [0.5, 0.5]
    assert first["AUC"].tolist() == [0.75, 0.5]
    whole = satisfied(made, ["image"], "cosine", "whole")
    assert whole["chance"].tolist() == [0.25] * 4
    assert whole["hit"].tolist() == [0.0, 1.0, 0.0, 0.5]  # in the order of the texts: 1000, 1111, 2001, 2222


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


def test_hits_of_mixed_texts_and_their_chance(quick) -> None:
    frame = altered(quick.frame("coarse-and-fine"), 0.3, metric="hit")
    assert EXPERIMENT.finding(frame).count("do not tell them apart") == 3
    ahead = altered(frame, 0.8, metric="hit", loss="gram", asked="parity", trained="mixed")
    said = EXPERIMENT.finding(ahead)
    assert "parity texts are satisfied by the top item for 80.0 % (79.0 to 81.0) under gram and 30.0 %" in said
    assert "chance 50.0 %; gram is ahead" in said


def test_chance_stands_beside_the_hits():
    found = figure("coarse-and-fine")
    assert list(found.layout.yaxis.ticktext) == ["whole number", "mixed: whole number", "mixed: odd or even"]
    np.testing.assert_allclose(traces(found, "chance")[0].x, [1, 1, 50])
    np.testing.assert_allclose(traces(found, "gram by volume")[0].x, [60, 50, 40])
