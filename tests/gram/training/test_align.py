"""Heads on planted features: found again, honest about what is held out, sound on bad columns."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import erf

from app.jobs.align_job import AlignJob
from gram.data.embedding_set import FeatureSet
from gram.datasets.digit_views import digit_views
from gram.errors import EmbeddingSetError, GramError, ModelError
from gram.models import load_model
from gram.models.checkpoint import load_heads, open_model, save_heads
from gram.training.align import align
from gram.training.align_config import AlignConfig

QUICK = AlignConfig(d=16, steps=150, batch_size=128, evaluations=3)


def planted(n: int = 500, sizes: dict[str, int] | None = None, *, noise: float = 0.05, seed: int = 0) -> FeatureSet:
    """Return linear views of the same 6 hidden numbers, in scales from 1e-3 to 1e4, each with a constant column."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 6))
    views = {}
    for (name, size), scale in zip((sizes or {"text": 6, "image": 240, "audio": 30}).items(), (1e-3, 1e4, 1.0)):
        view = hidden @ rng.normal(size=(6, size)) / np.sqrt(6) + noise * rng.normal(size=(n, size))
        views[name] = np.hstack([scale * view, np.full((n, 1), 7.0)]).astype(np.float32)
    return FeatureSet(views, pd.DataFrame({"id": [f"i{row}" for row in range(n)]}), {"anchor": "text"})


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


def test_a_split_column_says_what_is_held_out():
    features = planted()
    features.items["split"] = np.where(np.arange(500) % 5 == 0, "Test", "train")
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == list(range(0, 500, 5))
    assert set(made.embedding_set.items["aligned"][made.held_out.tolist()]) == {"held-out"}


def test_validation_items_beside_test_items_are_neither_learned_from_nor_ranked():
    features = planted()
    features.items["split"] = np.array(["train", "val", "test", "train", "dev"])[np.arange(500) % 5]
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == list(range(2, 500, 5))
    assert made.heads.info["train"] == 200
    assert made.embedding_set.items["aligned"].tolist()[:5] == ["train", "unused", "held-out", "train", "unused"]
    features.items["split"] = features.items["split"].replace("test", "train")
    made = align(features, replace(QUICK, steps=2, evaluations=1))
    assert made.held_out.tolist() == [row for row in range(500) if row % 5 in (1, 4)]


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


@pytest.mark.parametrize(("setting", "value"), [
    ("loss", "mse"), ("head", "tree"), ("d", 0), ("steps", 0), ("batch_size", 1), ("held_out", 1.0),
    ("temperature", 0.0), ("learning_rate", 0.0),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(setting: str, value: object):
    with pytest.raises(ValueError, match=setting):
        AlignConfig(**{setting: value})


def test_heads_are_saved_and_opened_and_take_new_rows(tmp_path):
    made = align(planted(), replace(QUICK, steps=20, evaluations=1, head="mlp"))
    save_heads(made.heads, tmp_path / "heads")
    opened = open_model(tmp_path / "heads", device="cpu")
    new = planted(7, seed=5)
    for name, rows in made.heads.apply_to(new).modalities.items():
        assert torch.equal(opened.encode(name, new.modalities[name]), rows)
    # by hand, in numpy
    weights = {name: value.double().numpy() for name, value in made.heads.state_dict().items()}
    rows = (new.modalities["audio"].double().numpy() - weights["mean_2"]) * weights["scale_2"]
    layer = rows @ weights["layers.2.0.weight"].T + weights["layers.2.0.bias"]
    gelu = layer * 0.5 * (1 + erf(layer / np.sqrt(2)))
    out = gelu @ weights["layers.2.2.weight"].T + weights["layers.2.2.bias"]
    np.testing.assert_allclose(
        opened.encode("audio", new.modalities["audio"]), out / np.linalg.norm(out, axis=1, keepdims=True), atol=1e-4
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("heads")
    save_heads(align(planted(100), replace(QUICK, steps=2, evaluations=1)).heads, folder)
    return folder


def config_with(folder, tmp_path, **changes: object):
    body = json.loads((folder / "config.json").read_text())
    body.update(changes)
    (tmp_path / "config.json").write_text(json.dumps(body))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return tmp_path


def test_heads_of_another_version_are_refused_with_the_reason(saved, tmp_path):
    with pytest.raises(ModelError, match="version 9 is unknown; this release reads heads, version 1"):
        load_heads(config_with(saved, tmp_path, version=9))


def test_heads_of_other_sizes_are_refused_with_the_reason(saved, tmp_path):
    with pytest.raises(ModelError, match="does not fit its config"):
        load_heads(config_with(saved, tmp_path, sizes={"text": 9, "image": 241, "audio": 31}))


def test_damaged_heads_are_refused(saved, tmp_path):
    folder = config_with(saved, tmp_path)
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="damaged"):
        load_heads(folder)
    (folder / "config.json").write_text("[")
    with pytest.raises(ModelError, match="not the config of heads"):
        load_heads(folder)


def test_heads_with_weights_of_another_shape_are_refused(saved, tmp_path):
    folder = config_with(saved, tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["layers.0.weight"] = weights["layers.0.weight"][:, :-1].contiguous()
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match="does not fit its config"):
        load_heads(folder)


def test_a_model_of_raw_inputs_is_not_mistaken_for_heads(saved):
    with pytest.raises(ModelError, match="these are alignment heads"):
        load_model(saved)


def test_features_that_do_not_fit_the_heads_are_refused(saved):
    heads = load_heads(saved, device="cpu")
    with pytest.raises(ModelError, match="audio is missing"):
        heads.apply_to(planted(5, {"text": 6, "image": 240}))
    with pytest.raises(ModelError, match="image takes 241 numbers a row, and these have 11"):
        heads.apply_to(planted(5, {"text": 6, "image": 10, "audio": 30}))
    with pytest.raises(ModelError, match="no modality 'smell'"):
        heads.encode("smell", torch.zeros(1, 3))


def test_a_job_trains_both_losses_on_the_same_items_and_tells_how_it_goes(tmp_path):
    planted().save(tmp_path / "features")
    settings = [replace(QUICK, loss=loss, steps=60) for loss in ("gram", "cosine")]
    job = AlignJob(tmp_path / "features", settings, tmp_path / "out", device="cpu")
    folders = job.result()
    assert list(folders) == ["gram", "cosine"]
    history = job.history()
    assert history.groupby("model")["step"].max().to_dict() == {"gram": 60, "cosine": 60}
    alone = align(planted(), settings[0], device="cpu")
    made = load_heads(folders["gram"] / "model", device="cpu")
    np.testing.assert_allclose(
        made.get_parameter("layers.0.weight").detach(), alone.heads.get_parameter("layers.0.weight").detach(), atol=1e-5
    )


def test_a_job_that_is_stopped_hands_over_its_heads(tmp_path):
    planted().save(tmp_path / "features")
    job = AlignJob(tmp_path / "features", [replace(QUICK, steps=200_000, evaluations=20_000)], tmp_path / "out")
    while not job.rows["gram"] and job.running:
        pass
    job.stop_and_keep()
    folder = job.result()["gram"]
    assert load_heads(folder / "model", device="cpu").info["steps"] < 200_000


def test_a_job_that_fails_says_why(tmp_path):
    planted(60).subset(slice(0, 2)).save(tmp_path / "features")
    job = AlignJob(tmp_path / "features", [QUICK], tmp_path / "out")
    with pytest.raises(GramError, match="alignment failed: no two training items"):
        job.result()


def test_five_unequal_views_of_digits_find_each_other(tmp_path):
    features = digit_views()
    assert features.sizes == {"pixels": 64, "frequencies": 16, "sums": 16, "components": 6, "random": 240}
    assert len(features) == 1797
    made = align(features, AlignConfig(loss="cosine", steps=150, evaluations=1))
    assert made.history["recall"].iloc[-1] > 0.95
    made.save(tmp_path / "aligned")
    assert (tmp_path / "aligned" / "history.csv").is_file()
