"""The model of a run: what makes a modality unequal, coarse texts, items that lack a modality."""

import pytest
import torch

from gram.experiments import BUDGETS, RunConfig
from gram.experiments.model import ExperimentModel, RunBatch, RunLoss, coarse_text, lacking
from gram.losses import LOSSES
from gram.models import Batch

QUICK = BUDGETS["quick"]


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
