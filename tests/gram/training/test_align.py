"""Heads on planted features: found again, honest about what is held out, sound on bad columns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gram.data.embedding_set import FeatureSet
from gram.datasets.digit_views import digit_views
from gram.errors import EmbeddingSetError
from gram.training.align import align
from gram.training.align_config import AlignConfig
from tests.helpers.planted_features import QUICK, planted


def recall_by_hand(vectors: dict[str, np.ndarray], loss: str) -> float:
    """Return R@1 of the first modality asking the others, by QR volumes or mean cosines in float64."""
    anchor, *rest = (np.asarray(rows, dtype=np.float64) for rows in vectors.values())
    n, found = len(anchor), 0
    for asked in range(n):
        if loss == "cosine":
            scores = sum(rows @ anchor[asked] for rows in rest)
        else:
            stacks = np.stack([np.broadcast_to(anchor[asked], anchor.shape), *rest], axis=1)
            scores = -np.abs(np.linalg.svd(stacks, compute_uv=False)).prod(axis=1)
        found += int(np.argmax(scores) == asked)
    return found / n


@pytest.mark.parametrize("loss", ["gram", "cosine"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_unequal_views_of_the_same_are_brought_together(loss: str, head: str):
    made = align(planted(), replace(QUICK, loss=loss, head=head))
    held_out = {name: rows[made.held_out].numpy() for name, rows in made.embedding_set.modalities.items()}
    recall = recall_by_hand(held_out, loss)
    assert recall > 0.9
    assert made.history["recall"].iloc[-1] == pytest.approx(recall)
    assert all(np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5) for rows in held_out.values())


def test_noise_alone_is_not_aligned():
    features = planted()
    rng = np.random.default_rng(1)
    noise = {name: rng.normal(size=rows.shape).astype(np.float32) for name, rows in features.modalities.items()}
    made = align(FeatureSet(noise, features.items), QUICK)
    assert made.history["recall"].iloc[-1] < 0.1


def test_nothing_is_learned_of_held_out_rows():
    features = planted()
    first = align(features, QUICK)
    changed = {name: rows.clone() for name, rows in features.modalities.items()}
    for rows in changed.values():
        rows[first.held_out] = 1e6 * torch.randn(len(first.held_out), rows.shape[1])
    second = align(FeatureSet(changed, features.items, features.info), QUICK)
    assert torch.equal(first.held_out, second.held_out)
    for name, weights in first.heads.state_dict().items():
        assert torch.equal(weights, second.heads.state_dict()[name]), name


def test_statistics_are_those_of_the_training_rows():
    features = planted()
    made = align(features, replace(QUICK, steps=1, evaluations=1))
    kept = np.setdiff1d(np.arange(len(features)), made.held_out.numpy())
    rows = features.modalities["image"].numpy().astype(np.float64)
    standard = made.heads.standardise("image", features.modalities["image"]).numpy()
    expected = (rows - rows[kept].mean(axis=0)) / np.where(rows[kept].std(axis=0) > 0, rows[kept].std(axis=0), np.inf)
    np.testing.assert_allclose(standard, expected, atol=1e-4)
    assert np.all(standard[:, -1] == 0)  # the constant column


def test_the_same_seed_gives_the_same_heads_and_another_seed_others():
    first, same, other = (align(planted(), replace(QUICK, steps=20, seed=seed)) for seed in (3, 3, 4))
    weights = [made.heads.state_dict()["layers.0.weight"] for made in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_stopped_it_keeps_what_it_learned():
    seen = []

    def stop() -> bool:
        seen.append(1)
        return len(seen) == 40

    made = align(planted(), QUICK, should_stop=stop)
    assert made.steps == 40
    assert made.history["step"].iloc[-1] == 40
    assert 0 <= made.history["recall"].iloc[-1] <= 1


def test_items_that_lack_modalities_take_part_with_those_they_have():
    features = planted(600)
    rng = np.random.default_rng(2)
    holed = {name: rows.clone() for name, rows in features.modalities.items()}
    for name in ("image", "audio"):
        holed[name][rng.random(600) < 0.4] = float("nan")
    holed["text"][:20] = float("nan")
    made = align(FeatureSet(holed, features.items, features.info), replace(QUICK, loss="cosine"))
    assert made.history["recall"].iloc[-1] > 0.8
    assert made.embedding_set.missing() == {name: int(rows[:, 0].isnan().sum()) for name, rows in holed.items()}


@pytest.mark.parametrize(("change", "message"), [
    ({"names": ["text"]}, "one modality alone"),
    ({"lack": "image"}, "no training item has image"),
])  # fmt: skip
def test_what_cannot_be_aligned_is_said(change: dict, message: str):
    features = planted(60)
    views = dict(features.modalities)
    if "names" in change:
        views = {name: views[name] for name in change["names"]}
    else:
        views[change["lack"]] = torch.full_like(views[change["lack"]], float("nan"))
    with pytest.raises(EmbeddingSetError, match=message):
        align(FeatureSet(views, features.items), QUICK)


def test_five_unequal_views_of_digits_find_each_other(tmp_path):
    features = digit_views()
    made = align(features, AlignConfig(loss="cosine", steps=150, evaluations=1))
    assert made.history["recall"].iloc[-1] > 0.95
    made.save(tmp_path / "aligned")
    assert (tmp_path / "aligned" / "history.csv").is_file()
