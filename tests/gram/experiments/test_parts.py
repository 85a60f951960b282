"""The parts of the experiments alone: intervals, what makes a modality unequal, coarse texts, the budget of a run."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from gram.data.embedding_set import EmbeddingSet
from gram.experiments import BUDGETS, EXPERIMENTS, RunConfig
from gram.experiments.claim import published
from gram.experiments.coarse_and_fine import satisfied
from gram.experiments.model import ExperimentModel, RunBatch, RunLoss, coarse_text, lacking
from gram.experiments.outcomes import Outcome
from gram.experiments.rivals import reranked
from gram.experiments.table import Observation, bootstrap_interval, difference, single_row, t_interval, tabulate
from gram.experiments.volume_as_metric import correlations
from gram.losses import LOSSES, AnchorMatching
from gram.models import Batch

QUICK = BUDGETS["quick"]


def test_the_interval_over_seeds_is_student_s() -> None:
    values = [0.2, 0.5, 0.3, 0.6]
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx(expected)
    assert np.isnan(t_interval([0.3])).all()
    frame = tabulate(Observation({"loss": "gram"}, "R@1", seed, given=value) for seed, value in enumerate(values))
    row = single_row(frame, loss="gram", metric="R@1")
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert (row["interval"], row["seeds"], row["value"]) == ("seeds", 4, pytest.approx(0.4))


def test_the_interval_of_a_share_stays_a_share_and_that_of_a_difference_does_not() -> None:
    values = [0.0, 0.1, 0.02]
    low, high = t_interval(values)
    assert low < 0
    frame = tabulate(
        Observation({}, metric, seed, given=value)
        for metric in ("hit", "R@1 gain")
        for seed, value in enumerate(values)
    )
    assert single_row(frame, metric="hit")[["low", "high"]].tolist() == pytest.approx([0, high])
    assert single_row(frame, metric="R@1 gain")[["low", "high"]].tolist() == pytest.approx([low, high])


def test_the_interval_over_items_is_the_percentile_bootstrap() -> None:
    items = (np.random.default_rng(0).random(300) < 0.3).astype(float)
    low, high = bootstrap_interval(items)
    expected = stats.bootstrap((items,), np.mean, method="percentile", n_resamples=5000, rng=1).confidence_interval
    assert (low, high) == pytest.approx(tuple(expected), abs=0.01)
    assert bootstrap_interval(np.append(items, np.nan)) == pytest.approx((low, high), abs=0.01)
    assert np.isnan(bootstrap_interval(np.array([np.nan]))).all()


def test_two_seeds_are_one_mean_over_the_same_items() -> None:
    rng = np.random.default_rng(0)
    both = rng.random((2, 200))
    frame = tabulate(Observation({"loss": "gram"}, "R@1", seed, items=items) for seed, items in enumerate(both))
    row = single_row(frame, metric="R@1")
    assert row["interval"] == "items of all seeds"
    assert (row["low"], row["high"]) == pytest.approx(bootstrap_interval(both.mean(axis=0)))
    assert row["high"] - row["low"] < 0.8 * (frame["high"][0] - frame["low"][0])
    with pytest.raises(ValueError, match="expected one row with"):
        single_row(frame, metric="R@5")


def test_a_paired_difference_is_narrower_than_the_two_apart() -> None:
    items = np.random.default_rng(0).random(500)
    one, other = (Observation({}, "R@1", 0, items=each) for each in (items + 0.1, items))
    change = difference({}, "change", 0, one, other)
    assert bootstrap_interval(change.items) == pytest.approx((0.1, 0.1))


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


def test_who_lacks_a_modality_is_decided_by_the_number_alone() -> None:
    labels = [f"{number:04d}" for number in range(2000)]
    shares = {share: lacking(labels, share) for share in (0.0, 0.3, 0.6, 0.9)}
    assert [each.mean() for each in shares.values()] == pytest.approx([0, 0.3, 0.6, 0.9], abs=0.03)
    assert (shares[0.3] <= shares[0.6]).all()
    assert lacking(labels[::-1], 0.3).tolist() == shares[0.3][::-1].tolist()


def pictures(count: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(16 * torch.rand(count, 8, 32, generator=generator), torch.full((count,), 32))


def embedded(model: ExperimentModel, batch: Batch, there: torch.Tensor) -> dict[str, torch.Tensor]:
    text = Batch(torch.ones(len(there), 4), torch.full((len(there),), 4))
    with torch.no_grad():
        noise = torch.Generator().manual_seed(3)
        return model.eval()(RunBatch({"text": text, "image": batch}, there, noise))


def test_pure_noise_knows_nothing_of_the_picture_and_noise_something() -> None:
    there = torch.ones(5, dtype=torch.bool)
    found = {}
    for kind in ("none", "noisy", "pure-noise"):
        model = ExperimentModel(RunConfig("gram", 0, ("text", "image"), degradation=kind), QUICK, spread=4.0)
        found[kind] = [embedded(model, pictures(5, seed), there)["image"] for seed in (0, 1)]
    assert torch.equal(*found["pure-noise"])
    assert not torch.allclose(*found["noisy"])
    assert not torch.allclose(found["noisy"][0], found["none"][0])


def test_items_that_lack_pictures_take_part_with_what_they_have() -> None:
    there = torch.tensor([True, False, True, True, False])
    for loss in ("gram", "cosine", "symile"):
        rows = torch.nn.functional.normalize(torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
        run = RunConfig(loss, 0, ("text", "image", "speech"), degradation="missing-30")
        value = RunLoss(run, QUICK)(rows[0], rows[1].masked_fill(~there[:, None], torch.nan), rows[2]).detach()
        module = LOSSES[loss]()
        whole = module(*(rows[place][there] for place in (0, 1, 2))).detach()
        part = module(*(rows[place][~there] for place in (0, 2))).detach()
        assert float(value) == pytest.approx(float((3 * whole + 2 * part) / 5), rel=1e-5)
    image = embedded(
        ExperimentModel(RunConfig("gram", 0, ("text", "image"), degradation="missing-30"), QUICK), pictures(3, 0), there
    )
    assert image["image"].isnan().all(dim=1).tolist() == (~there).tolist()


def test_what_a_coarse_text_names() -> None:
    whole = torch.tensor([5, 8, 3, 2])
    assert coarse_text(whole, "4721", "whole", [11, 12]).tolist() == [5, 8, 3, 2]
    assert coarse_text(whole, "4721", "first-digit", [11, 12]).tolist() == [5]
    assert coarse_text(whole, "4721", "parity", [11, 12]).tolist() == [12]
    assert coarse_text(whole, "4720", "parity", [11, 12]).tolist() == [11]


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


def test_published_numbers_carry_their_source_and_the_rescoring_beside_them() -> None:
    rows = published()
    gram = rows[(rows["model"] == "GRAM") & (rows["data"] == "MSR-VTT") & (rows["direction"] == "text-to-video")]
    assert gram["recall"].tolist() == [52.8, 54.2, 54.8]
    again = rows[rows["model"] == "GRAM, scored again"]
    assert again["recall"].tolist() == [51.9, 52.0, 51.8]
    assert again["source"].str.contains("HyVol").all()
    assert len(rows) == 2 * (4 + 2 + 4 + 4 + 2) + 3
    assert all(each.CLAIM.sentence.endswith(".") and each.CLAIM.source for each in EXPERIMENTS.values())
    assert EXPERIMENTS.get("modalities").CLAIM.figures is not None


def test_no_experiment_of_this_name() -> None:
    with pytest.raises(ValueError, match=r"expected one of losses-and-measures, .*; got 'nothing'"):
        EXPERIMENTS.get("nothing")
