"""Runs: their budget, their keys, and those that cannot be."""

import pytest

from gram.experiments import BUDGETS, RunConfig
from tests.helpers.experiment_tables import QUICK


def test_runs_of_another_batch_see_as_many_items() -> None:
    budget = BUDGETS["cpu"]
    for batch in (None, *budget.batches):
        run = RunConfig("gram", 0, batch=batch)
        assert run.steps(budget) * (batch or budget.batch) == budget.steps * budget.batch
        assert run.checkpoint_steps(budget)[0] == 0
        assert run.checkpoint_steps(budget)[-1] == run.steps(budget)
    keys = {
        RunConfig("gram", 0).key(budget), RunConfig("gram", 1).key(budget), RunConfig("cosine", 0).key(budget),
        RunConfig("gram", 0).key(QUICK),
        RunConfig("gram", 0, d=8).key(budget), RunConfig("gram", 0, temperature=0.1).key(budget),
        RunConfig("gram", 0, text="mixed").key(budget), RunConfig("gram", 0, matching=True).key(budget),
        RunConfig("gram", 0, degradation="noisy").key(budget),
    }  # fmt: skip
    assert len(keys) == 9


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"loss": "mse"}, "loss must be one of gram, cosine"),
        ({"degradation": "missing-20"}, "degradation must be one of none, narrow"),
        ({"text": "emoji"}, "text must be one of whole, first-digit, parity, mixed"),
        ({"modalities": ("image", "text")}, "modalities must be text and some of image, speech, tones"),
        ({"modalities": ("text",)}, "modalities must be text and some of"),
        ({"loss": "triangle"}, "loss triangle is for 3 modalities; got 4"),
        ({"degradation": "noisy", "modalities": ("text", "speech")}, "degradation noisy is done to image"),
    ],
)
def test_a_run_that_cannot_be_is_refused(fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RunConfig(**{"loss": "gram", "seed": 0, **fields})
