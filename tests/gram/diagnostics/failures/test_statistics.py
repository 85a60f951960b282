"""Statistics of cases: thresholds in closed form, and cases examined alone, known and anew."""

import math

import pytest
import torch

from gram.diagnostics import find_cases
from gram.diagnostics.failures.statistics import examine, examine_known, hub_threshold, sign_flip_cosine
from gram.retrieval.task import RetrievalTask
from tests.helpers import made_sets


@pytest.mark.parametrize(("d", "expected"), [(1, 1.0), (2, math.cos(1e-4 * math.pi)), (3, 1 - 2e-4)])
def test_random_directions_are_this_opposite_once_in_10_000(d, expected):
    # On a circle the angle is uniform, on a sphere the cosine is.
    assert sign_flip_cosine(d) == pytest.approx(expected, abs=1e-12)


def test_the_cosine_of_a_sign_flip_falls_with_the_dimension_like_a_normal_deviate():
    assert sign_flip_cosine(8) > sign_flip_cosine(64) > sign_flip_cosine(512)
    assert sign_flip_cosine(10_000) * 100 == pytest.approx(3.719, abs=0.01)


@pytest.mark.parametrize(("asked", "n"), [(40, 40), (2000, 2000), (200, 5000), (2000, 20)])
def test_chance_makes_a_hub_in_1_of_100_galleries(asked, n):
    def tail(least):
        rate = asked / n
        below = [rate**count * math.exp(-rate) / math.factorial(count) for count in range(least)]
        return n * (1 - math.fsum(below))

    threshold = hub_threshold(asked, n)
    assert tail(threshold) <= 0.01 < tail(threshold - 1)


def some_task():
    embedding_set = made_sets.as_set(made_sets.sound(noise=0.9))
    return embedding_set, RetrievalTask(embedding_set)


def test_a_case_examined_alone_is_that_of_the_table():
    embedding_set, task = some_task()
    cases = find_cases(embedding_set)
    at = torch.tensor([3, 17])
    alone, gallery = examine(task, at, gallery=cases.statistics)
    assert gallery is cases.statistics
    for name in ("rank", "margin", "rank_by_height", "rank_same_base", "rank_sign_flipped", "rank_without_hubs"):
        found, expected = getattr(alone, name), torch.tensor(cases.table[name].to_numpy()[at.numpy()])
        assert torch.allclose(found, expected, rtol=0, atol=1e-12, equal_nan=True), name
    known = examine_known(task, at, alone.winner, gallery, cases.table.iloc[at.tolist()])
    for name in ("score", "margin", "rank", "base", "height", "without", "sign_flipped", "rounding"):
        one, other = (getattr(each, name).double() for each in (alone, known))
        assert torch.allclose(one, other, rtol=0, atol=1e-12, equal_nan=True), name
    assert known.lead.isnan().all()


def test_progress_names_its_stages_and_ends_at_1():
    told = []
    examine(some_task()[1], torch.arange(5), progress=lambda share, stage="": told.append((share, stage)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, "done")
    assert list(dict.fromkeys(stage for _, stage in told)) == [
        "ranking", "ranking by height", "ranking without image", "ranking without speech", "looking at failures",
        "done",
    ]  # fmt: skip
