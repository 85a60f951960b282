"""Training by two gloo processes against one process: the same batches, losses, gradients and running statistics."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from gram.datasets.spoken_numbers import numbers_of
from gram.training.processes import synchronize_batch_norm
from gram.training.spoken_numbers.config import TrainingConfig
from gram.training.spoken_numbers.embedding import split_items
from gram.training.spoken_numbers.train import train
from gram.training.trainer import Trainer
from tests.helpers.quick_training import SMALL
from tests.helpers.ranks import RANKS, run_ranks

STEPS = 6

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no gloo backend"
)


def run(loss: str, folder: Path) -> dict[str, Any]:
    """Train on 24 numbers; return what every step saw before its gradient was clipped, and the last statistics."""
    losses: list[float] = []
    gradients: list[torch.Tensor] = []
    clip = torch.nn.utils.clip_grad_norm_

    def keep_gradient(parameters: Any, *limits: float) -> torch.Tensor:
        parameters = list(parameters)
        gradients.append(torch.cat([each.grad.flatten() for each in parameters]))
        return clip(parameters, *limits)

    def keep_loss(trainer: Trainer) -> None:
        if trainer.step:
            losses.append(trainer.last_loss)

    config = TrainingConfig(
        loss=loss, steps=STEPS, batch_size=12, renderings=2, evaluations=1, checkpoints=1, trajectory_items=4,
        model=SMALL, learning_rate=1e-3, robust=True, seed=3,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gram.training.spoken_numbers.pool.numbers_of", lambda split: numbers_of(split)[:24])
        patch.setattr("gram.training.spoken_numbers.train.split_items", lambda split: split_items(split).iloc[:8])
        patch.setattr(torch.nn.utils, "clip_grad_norm_", keep_gradient)
        torch.set_num_threads(1)
        model = train(config, folder, device="cpu", callbacks=[keep_loss])
    spread = {name: value for name, value in model.state_dict().items() if "running_var" in name or "tracked" in name}
    return {"losses": losses, "gradients": torch.stack(gradients), "spread": spread}


def values() -> torch.Tensor:
    return 3 + 2 * torch.randn(8, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def normalized(norm: torch.nn.Module, mine: slice, weigh: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what a layer makes of some of the values, in training and after, and the gradients of a weighted sum."""
    given = values()[mine].requires_grad_()
    norm(given + 1)
    out = norm(given)
    (out.square() * weigh[mine]).sum().backward()
    (layer,) = (each for each in norm.modules() if hasattr(each, "running_var"))
    found = {"out": out.detach(), "given": given.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    found |= {"mean": layer.running_mean, "variance": layer.running_var, "batches": layer.num_batches_tracked}
    norm.eval()
    return found | {"later": norm(given).detach()}


def layer() -> torch.nn.Sequential:
    norm = torch.nn.BatchNorm1d(5).double()
    norm.weight.data, norm.bias.data = torch.linspace(0.5, 2, 5).double(), torch.linspace(-1, 1, 5).double()
    return torch.nn.Sequential(norm)


def work(rank: int, folder: Path) -> None:
    for loss in ("gram", "cosine"):
        torch.save(run(loss, folder / loss), folder / f"{loss}{rank}.pt")
        dist.barrier()
    norms = synchronize_batch_norm(layer())
    torch.save(normalized(norms, slice(rank * 4, rank * 4 + 4), values().sin()), folder / f"norms{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder = run_ranks(work, tmp_path_factory.mktemp("ranks"))
    names = ("gram", "cosine", "norms")
    return {
        name: [torch.load(folder / f"{name}{rank}.pt", weights_only=True) for rank in range(RANKS)] for name in names
    }


@pytest.mark.parametrize("loss", ["gram", "cosine"])
def test_two_processes_train_as_one(loss: str, ranks: dict[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    one = run(loss, tmp_path)
    assert len(one["gradients"]) == STEPS
    for two in ranks[loss]:
        torch.testing.assert_close(two["gradients"], ranks[loss][0]["gradients"], rtol=0, atol=0)
        apart = (two["gradients"] - one["gradients"]).norm(dim=1) / one["gradients"].norm(dim=1)
        assert apart[0] < 1e-5
        assert apart.max() < 1e-2  # rounding, made larger from step to step
        assert two["spread"].keys() == one["spread"].keys()
        for name, value in one["spread"].items():
            torch.testing.assert_close(two["spread"][name], value, rtol=1e-3, atol=1e-4)
    losses = ranks[loss][0]["losses"]
    assert losses[0] == pytest.approx(one["losses"][0], rel=1e-6)
    assert losses == pytest.approx(one["losses"], rel=1e-4)


def test_batch_normalisation_over_ranks_is_that_of_the_whole_batch(ranks: dict[str, list[dict[str, Any]]]) -> None:
    one, parts = normalized(layer(), slice(None), values().sin()), ranks["norms"]
    for name in ("out", "given", "later"):
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), one[name])
    for name in ("weight", "bias"):
        torch.testing.assert_close(sum(part[name] for part in parts), one[name])
    for name in ("mean", "variance", "batches"):
        for part in parts:
            torch.testing.assert_close(part[name], one[name])
