"""The pool of training items: what a batch holds, and how its clips are augmented."""

import numpy as np
import pytest
import torch

from gram.datasets.spoken_numbers import MODALITIES
from gram.models import MultimodalModel
from gram.training.spoken_numbers import pool as pool_module
from gram.training.spoken_numbers.pool import TrainingPool, render_pool
from tests.helpers.quick_training import SMALL


def test_a_robust_pool_goes_up_to_no_noise_and_varies_its_clips() -> None:
    model = MultimodalModel(SMALL)
    plain, robust = (render_pool(model, renderings=1, seed=5, robust=setting) for setting in (False, True))
    rows = np.arange(8)
    first, later = (robust.batch(rows, torch.device("cpu"), step=step, varied=1.0)["speech"].lengths for step in (0, 1))
    assert first.tolist() != later.tolist()
    assert torch.equal(plain.batch(rows, torch.device("cpu"), step=0)["speech"].values,
                       plain.batch(rows, torch.device("cpu"), step=1)["speech"].values)  # fmt: skip
    assert pool_module.CORRUPTION.speech_snr[1] > 30


def test_a_batch_never_holds_a_number_twice_and_an_epoch_holds_each_once() -> None:
    pool = TrainingPool({"text": list(torch.arange(72)[:, None])}, numbers=24, seed=0)
    batches = [pool.rows(step, 8) for step in range(3)]
    assert sorted(np.concatenate(batches) % 24) == list(range(24))
    assert pool.renderings == 3
    assert not np.array_equal(pool.rows(0, 8) % 24, pool.rows(3, 8) % 24)
    with pytest.raises(ValueError, match="batch_size must be at most the 24 numbers"):
        pool.rows(0, 25)


def test_rendering_in_processes_gives_the_same_pool() -> None:
    model = MultimodalModel(SMALL)
    alone, together = (render_pool(model, renderings=1, seed=5, processes=count) for count in (1, 2))
    for name in MODALITIES:
        assert len(alone.examples[name]) == 24
        assert all(torch.equal(a, b) for a, b in zip(alone.examples[name], together.examples[name], strict=True))


def spectrogram(seed=0, frames=120):
    features = 0.2 * torch.randn(64, frames, generator=torch.Generator().manual_seed(seed))
    return features - features.mean()


def test_a_batch_hears_every_clip_anew_at_every_step_and_sees_the_rest_as_it_is():
    examples = {"text": list(torch.arange(6)[:, None]), "speech": [spectrogram(seed).half() for seed in range(6)]}
    pool = TrainingPool(examples, numbers=6, seed=0)
    rows, cpu = np.array([4, 1]), torch.device("cpu")
    first, again, later = (pool.batch(rows, cpu, step=step, varied=1.0) for step in (7, 7, 8))
    assert torch.equal(first["speech"].values, again["speech"].values)
    assert first["speech"].lengths.tolist() != later["speech"].lengths.tolist()
    assert torch.equal(first["text"].values, later["text"].values)
    plain = pool.batch(rows, cpu, step=7)
    assert torch.equal(plain["speech"].values[0], examples["speech"][4].float())


def test_a_share_of_the_clips_is_heard_varied():
    clips = [spectrogram(seed).half() for seed in range(40)]
    pool = TrainingPool({"speech": clips}, numbers=40, seed=3)
    rows = np.arange(40)
    heard = [pool.batch(rows, torch.device("cpu"), step=step, varied=0.3)["speech"] for step in range(10)]
    same = [
        torch.equal(values[:, : clip.shape[1]], clip.float())
        for batch in heard
        for values, clip in zip(batch.values, clips)
    ]
    assert 0.62 < np.mean(same) < 0.78
