"""Two gloo processes with half of the batch each, against one process with all of it in float64."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from gram.losses import LOSSES, GramLoss, PairwiseInfoNCE
from tests.helpers.ranks import RANKS, run_ranks

ITEMS, WIDTH, K = 6, 8, 4
MODULES = {"gram": GramLoss, "cosine": PairwiseInfoNCE}
RIVALS = [name for name in LOSSES if name not in MODULES]  # whose value has oracles in test_rival_losses

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no gloo backend"
)


def batch() -> torch.Tensor:
    return torch.randn(K, ITEMS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def encoder() -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(WIDTH, WIDTH, bias=False).double()


def one_process(name: str, vectors: torch.Tensor, log_temperature: torch.Tensor) -> torch.Tensor:
    """The oracle: every pair's QR, or every cosine, and the two cross-entropies written out."""
    anchor, *others = vectors
    if name == "gram":
        each = [anchor[:, None].expand(-1, ITEMS, -1), *(other.expand(ITEMS, -1, -1) for other in others)]
        factor = torch.linalg.qr(torch.stack(each, dim=-1)).R
        matrices = [-factor.diagonal(dim1=-2, dim2=-1).abs().prod(-1)]
    else:
        matrices = [torch.cosine_similarity(anchor[:, None], other[None], dim=-1) for other in others]
    targets = 0.9 * torch.eye(ITEMS, dtype=torch.float64) + 0.1 / ITEMS
    logits = [matrix / log_temperature.exp() for matrix in matrices]
    losses = [-(targets * one.log_softmax(axis)).sum() / ITEMS for one in logits for axis in (0, 1)]
    return torch.stack(losses).mean()


def rival(name: str, vectors: torch.Tensor, **settings: bool) -> dict[str, torch.Tensor]:
    """Return the loss of the vectors and its gradients."""
    rows = [each.clone().requires_grad_() for each in vectors[: LOSSES[name].modalities]]
    module = LOSSES[name](0.3, True, **settings).double()
    loss = module(*rows)
    loss.backward()
    return {
        "loss": loss.detach(),
        "vectors": torch.stack([row.grad for row in rows]),
        "temperature": module.log_temperature.grad,
    }


def work(rank: int, folder: Path) -> None:
    mine = slice(rank * ITEMS // RANKS, (rank + 1) * ITEMS // RANKS)
    results: dict[str, Any] = {}
    for name, module in MODULES.items():
        for ddp in (False, True):
            vectors = [rows[mine].clone().requires_grad_() for rows in batch()]
            loss_module = module(0.3, gather=True, ddp=ddp).double()
            loss = loss_module(*vectors)
            loss.backward()
            results[f"{name} {ddp}"] = {
                "loss": loss.detach(),
                "vectors": torch.stack([vector.grad for vector in vectors]),
                "temperature": loss_module.log_temperature.grad,
            }
        wrapped = DistributedDataParallel(encoder())
        loss_module = DistributedDataParallel(module(0.3, gather=True, ddp=True).double())
        loss_module(*wrapped(batch()[:, mine])).backward()
        results[f"{name} trained"] = {
            "weight": wrapped.module.weight.grad,
            "temperature": loss_module.module.log_temperature.grad,
        }
    for name in RIVALS:
        results[name] = rival(name, batch()[:, mine], gather=True, ddp=True)
    torch.save(results, folder / f"rank{rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = run_ranks(work, tmp_path_factory.mktemp("ranks"))
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(RANKS)]


def log_temperature() -> torch.Tensor:
    return torch.tensor(0.3).log().double().requires_grad_()


@pytest.mark.parametrize("ddp", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_every_rank_has_the_value_and_gradients_of_one_process(name: str, ddp: bool, ranks: list[dict]) -> None:
    vectors, logarithm = batch().requires_grad_(), log_temperature()
    loss = one_process(name, vectors, logarithm)
    loss.backward()
    for result in ranks:
        torch.testing.assert_close(result[f"{name} {ddp}"]["loss"], loss.detach())
        torch.testing.assert_close(result[f"{name} {ddp}"]["temperature"], logarithm.grad)
    gathered = torch.cat([result[f"{name} {ddp}"]["vectors"] for result in ranks], dim=1)
    torch.testing.assert_close(gathered, vectors.grad * (RANKS if ddp else 1))


@pytest.mark.parametrize("name", MODULES)
def test_a_model_trained_in_parallel_has_the_gradient_of_one_process(name: str, ranks: list[dict]) -> None:
    model, logarithm = encoder(), log_temperature()
    one_process(name, model(batch()), logarithm).backward()
    for result in ranks:
        torch.testing.assert_close(result[f"{name} trained"]["weight"], model.weight.grad)
        torch.testing.assert_close(result[f"{name} trained"]["temperature"], logarithm.grad)


@pytest.mark.parametrize("name", RIVALS)
def test_every_rank_has_the_value_and_gradients_of_a_rival_on_one_process(name: str, ranks: list[dict]) -> None:
    expected = rival(name, batch())
    for result in ranks:
        torch.testing.assert_close(result[name]["loss"], expected["loss"])
        torch.testing.assert_close(result[name]["temperature"], expected["temperature"])
    gathered = torch.cat([result[name]["vectors"] for result in ranks], dim=1)
    torch.testing.assert_close(gathered, expected["vectors"] * RANKS)
